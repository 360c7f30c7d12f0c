// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

/*
#include <sys/kauth.h>
*/
import "C"

// Actions and requests of kauth(9).
const (
	GenericIssuser                   = C.KAUTH_GENERIC_ISSUSER
	SystemAccounting                 = C.KAUTH_SYSTEM_ACCOUNTING
	SystemChroot                     = C.KAUTH_SYSTEM_CHROOT
	SystemFilehandle                 = C.KAUTH_SYSTEM_FILEHANDLE
	SystemMknod                      = C.KAUTH_SYSTEM_MKNOD
	SystemMount                      = C.KAUTH_SYSTEM_MOUNT
	SystemReboot                     = C.KAUTH_SYSTEM_REBOOT
	SystemSwapctl                    = C.KAUTH_SYSTEM_SWAPCTL
	SystemSysctl                     = C.KAUTH_SYSTEM_SYSCTL
	SystemTime                       = C.KAUTH_SYSTEM_TIME
	SystemModule                     = C.KAUTH_SYSTEM_MODULE
	SystemFsQuota                    = C.KAUTH_SYSTEM_FS_QUOTA
	SystemSysvipc                    = C.KAUTH_SYSTEM_SYSVIPC
	SystemMqueue                     = C.KAUTH_SYSTEM_MQUEUE
	SystemKernaddr                   = C.KAUTH_SYSTEM_KERNADDR
	ReqSystemChrootChroot            = C.KAUTH_REQ_SYSTEM_CHROOT_CHROOT
	ReqSystemMountNew                = C.KAUTH_REQ_SYSTEM_MOUNT_NEW
	ReqSystemMountUnmount            = C.KAUTH_REQ_SYSTEM_MOUNT_UNMOUNT
	ReqSystemMountUpdate             = C.KAUTH_REQ_SYSTEM_MOUNT_UPDATE
	ReqSystemSysctlModify            = C.KAUTH_REQ_SYSTEM_SYSCTL_MODIFY
	ReqSystemTimeNtpadjtime          = C.KAUTH_REQ_SYSTEM_TIME_NTPADJTIME
	ReqSystemTimeSystem              = C.KAUTH_REQ_SYSTEM_TIME_SYSTEM
	ReqSystemFsQuotaGet              = C.KAUTH_REQ_SYSTEM_FS_QUOTA_GET
	ReqSystemFsQuotaManage           = C.KAUTH_REQ_SYSTEM_FS_QUOTA_MANAGE
	ReqSystemFsQuotaOnoff            = C.KAUTH_REQ_SYSTEM_FS_QUOTA_ONOFF
	ReqSystemSysvipcBypass           = C.KAUTH_REQ_SYSTEM_SYSVIPC_BYPASS
	ReqSystemSysvipcShmLock          = C.KAUTH_REQ_SYSTEM_SYSVIPC_SHM_LOCK
	ReqSystemSysvipcShmUnlock        = C.KAUTH_REQ_SYSTEM_SYSVIPC_SHM_UNLOCK
	ProcessCansee                    = C.KAUTH_PROCESS_CANSEE
	ProcessFork                      = C.KAUTH_PROCESS_FORK
	ProcessKeventFilter              = C.KAUTH_PROCESS_KEVENT_FILTER
	ProcessNice                      = C.KAUTH_PROCESS_NICE
	ProcessProcfs                    = C.KAUTH_PROCESS_PROCFS
	ProcessRlimit                    = C.KAUTH_PROCESS_RLIMIT
	ProcessSchedulerGetaffinity      = C.KAUTH_PROCESS_SCHEDULER_GETAFFINITY
	ProcessSchedulerSetaffinity      = C.KAUTH_PROCESS_SCHEDULER_SETAFFINITY
	ProcessSchedulerGetparam         = C.KAUTH_PROCESS_SCHEDULER_GETPARAM
	ProcessSchedulerSetparam         = C.KAUTH_PROCESS_SCHEDULER_SETPARAM
	ProcessSetid                     = C.KAUTH_PROCESS_SETID
	ProcessSignal                    = C.KAUTH_PROCESS_SIGNAL
	ReqProcessCanseeEntry            = C.KAUTH_REQ_PROCESS_CANSEE_ENTRY
	ReqProcessCanseeEnv              = C.KAUTH_REQ_PROCESS_CANSEE_ENV
	ReqProcessCanseeOpenfiles        = C.KAUTH_REQ_PROCESS_CANSEE_OPENFILES
	ReqProcessProcfsRead             = C.KAUTH_REQ_PROCESS_PROCFS_READ
	ReqProcessRlimitGet              = C.KAUTH_REQ_PROCESS_RLIMIT_GET
	ReqProcessRlimitSet              = C.KAUTH_REQ_PROCESS_RLIMIT_SET
	ReqProcessRlimitBypass           = C.KAUTH_REQ_PROCESS_RLIMIT_BYPASS
	ReqProcessCanseeKptr             = C.KAUTH_REQ_PROCESS_CANSEE_KPTR
	NetworkBind                      = C.KAUTH_NETWORK_BIND
	NetworkFirewall                  = C.KAUTH_NETWORK_FIREWALL
	NetworkInterface                 = C.KAUTH_NETWORK_INTERFACE
	NetworkRoute                     = C.KAUTH_NETWORK_ROUTE
	NetworkSocket                    = C.KAUTH_NETWORK_SOCKET
	NetworkInterfaceTun              = C.KAUTH_NETWORK_INTERFACE_TUN
	NetworkInterfaceBridge           = C.KAUTH_NETWORK_INTERFACE_BRIDGE
	NetworkIpsec                     = C.KAUTH_NETWORK_IPSEC
	NetworkIpv6                      = C.KAUTH_NETWORK_IPV6
	ReqNetworkBindPort               = C.KAUTH_REQ_NETWORK_BIND_PORT
	ReqNetworkBindPrivport           = C.KAUTH_REQ_NETWORK_BIND_PRIVPORT
	ReqNetworkFirewallFw             = C.KAUTH_REQ_NETWORK_FIREWALL_FW
	ReqNetworkInterfaceSetpriv       = C.KAUTH_REQ_NETWORK_INTERFACE_SETPRIV
	ReqNetworkSocketOpen             = C.KAUTH_REQ_NETWORK_SOCKET_OPEN
	ReqNetworkSocketCansee           = C.KAUTH_REQ_NETWORK_SOCKET_CANSEE
	ReqNetworkSocketDrop             = C.KAUTH_REQ_NETWORK_SOCKET_DROP
	ReqNetworkInterfaceTunAdd        = C.KAUTH_REQ_NETWORK_INTERFACE_TUN_ADD
	ReqNetworkIpv6Hopbyhop           = C.KAUTH_REQ_NETWORK_IPV6_HOPBYHOP
	ReqNetworkInterfaceBridgeSetpriv = C.KAUTH_REQ_NETWORK_INTERFACE_BRIDGE_SETPRIV
	ReqNetworkIpsecBypass            = C.KAUTH_REQ_NETWORK_IPSEC_BYPASS
	MachdepIopermSet                 = C.KAUTH_MACHDEP_IOPERM_SET
	MachdepIopl                      = C.KAUTH_MACHDEP_IOPL
	MachdepLdtGet                    = C.KAUTH_MACHDEP_LDT_GET
	MachdepLdtSet                    = C.KAUTH_MACHDEP_LDT_SET
	DeviceTtyOpen                    = C.KAUTH_DEVICE_TTY_OPEN
	DeviceTtyPrivset                 = C.KAUTH_DEVICE_TTY_PRIVSET
	DeviceTtySti                     = C.KAUTH_DEVICE_TTY_STI
	DeviceRawioSpec                  = C.KAUTH_DEVICE_RAWIO_SPEC
	DeviceRawioPassthru              = C.KAUTH_DEVICE_RAWIO_PASSTHRU
	DeviceRndAdddata                 = C.KAUTH_DEVICE_RND_ADDDATA
	DeviceRndAdddataEstimate         = C.KAUTH_DEVICE_RND_ADDDATA_ESTIMATE
	DeviceRndGetpriv                 = C.KAUTH_DEVICE_RND_GETPRIV
	DeviceRndSetpriv                 = C.KAUTH_DEVICE_RND_SETPRIV
	DeviceTtyVirtual                 = C.KAUTH_DEVICE_TTY_VIRTUAL
	ReqDeviceRawioSpecRead           = C.KAUTH_REQ_DEVICE_RAWIO_SPEC_READ
	ReqDeviceRawioSpecWrite          = C.KAUTH_REQ_DEVICE_RAWIO_SPEC_WRITE
	ReqDeviceRawioSpecRw             = C.KAUTH_REQ_DEVICE_RAWIO_SPEC_RW
)

// Actions of the vnode scope.
const (
	VnodeWriteSysflags = C.KAUTH_VNODE_WRITE_SYSFLAGS
	VnodeRevoke        = C.KAUTH_VNODE_REVOKE
)
