module jails

go 1.26
