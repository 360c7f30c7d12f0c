package jail

import (
	"testing"
)

func TestSetKey(t *testing.T) {
	for _, tt := range []struct{ name, text, key, value, want string }{
		{"replace", "base = 'b'\nlevel     = \"medium\"   # why\n", "level", `"low"`, "base = 'b'\nlevel     = \"low\"   # why\n"},
		{"list over lines", "base = 'b'\nports = [ # all\n \"80\", # web\n] # end\nstrict=true\n", "ports", `["81"]`, "base = 'b'\nports = [\"81\"] # end\nstrict=true\n"},
		{"add before tables", "# head\nbase = 'b' # base\n\n# the log\n[log]\nkeep='1 x 1 MB'\n", "autostart", "true", "# head\nbase = 'b' # base\nautostart = true\n\n# the log\n[log]\nkeep='1 x 1 MB'\n"},
		{"add without newline", "base = 'b'", "autostart", "true", "base = 'b'\nautostart = true\n"},
		{"add to empty", "[log]\nfull='drop'\n", "autostart", "true", "autostart = true\n[log]\nfull='drop'\n"},
		{"equals in value", "base = 'b'\nroot='/a=b' # =\n", "root", `"/c"`, "base = 'b'\nroot=\"/c\" # =\n"},
		{"dotted above", "base='b'\nlimits.files=1\n[log]\n", "strict", "true", "base='b'\nstrict = true\nlimits.files=1\n[log]\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := SetKey("x.toml", []byte(tt.text), tt.key, tt.value)
			if err != nil || string(got) != tt.want {
				t.Errorf("%v\ngot  %q\nwant %q", err, got, tt.want)
			}
		})
	}
	if _, err := SetKey("x.toml", []byte("prot=1"), "strict", "true"); err == nil {
		t.Error("edited a text that is not valid")
	}
}

func TestText(t *testing.T) {
	def := &Definition{
		Name: "web", Base: "10.1-amd64", Level: "medium", Ports: []string{"8080"}, Processes: 64, Autostart: true, Observe: true,
		Services: []Service{{Name: "web", Command: []string{"/bin/x", "a\"b\\\n\x01", "é"}}},
		Log:      Log{Syslog: &Syslog{Facility: "local3", Tag: "jail-web"}},
	}
	got, err := Decode("web.toml", def.Text(), DefaultSettings())
	if err != nil {
		t.Fatalf("%v\n%s", err, def.Text())
	}
	if got.Services[0].Command[1] != def.Services[0].Command[1] || !got.Autostart || !got.Observe || got.Log.Syslog.Facility != "local3" {
		t.Errorf("%+v", got)
	}
	if c, err := got.Config(); err != nil || !c.Observe || c.Strict {
		t.Errorf("%+v, %v", c, err)
	}
}
