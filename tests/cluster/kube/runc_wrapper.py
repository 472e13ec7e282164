"""runc for machines without CAP_SYS_RESOURCE: takes out of a bundle what the machine may not do, then becomes the real runc.

Without it runc fails on a negative oom_score_adj and on capabilities outside the bounding set. Standard library, no imports
of ours: it runs on its own, once per runc call.
"""

import json
import os
import sys

NAMES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
    "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin "
    "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override "
    "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
).split()


def bounding_set():
    for line in open("/proc/self/status"):
        if line.startswith("CapBnd:"):
            bits = int(line.split()[1], 16)
            return {"CAP_" + name.upper() for number, name in enumerate(NAMES) if bits >> number & 1}


def tame(process, allowed):
    process.pop("oomScoreAdj", None)
    for kind, names in (process.get("capabilities") or {}).items():
        process["capabilities"][kind] = [name for name in names or [] if name in allowed]


def edit(path, allowed):
    with open(path) as file:
        spec = json.load(file)
    tame(spec.get("process", spec), allowed)
    with open(path, "w") as file:
        json.dump(spec, file)


def value(words, *flags):
    for position, word in enumerate(words):
        if word in flags:
            return words[position + 1]
        for flag in flags:
            if word.startswith(flag + "="):
                return word.partition("=")[2]


arguments = sys.argv[1:]
if "create" in arguments or "run" in arguments:
    edit(os.path.join(value(arguments, "--bundle", "-b") or ".", "config.json"), bounding_set())
elif "exec" in arguments and value(arguments, "--process", "-p"):
    edit(value(arguments, "--process", "-p"), bounding_set())
os.execv("/usr/sbin/runc", ["runc", *arguments])
