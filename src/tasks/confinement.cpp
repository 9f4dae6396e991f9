#include "confinement.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

namespace factsweep::tasks {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__powerpc64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_PPC64LE;
#else
#error "name this architecture's AUDIT_ARCH"
#endif

constexpr int kDenied[] = {
    // processes and programs
    SYS_clone,
    SYS_execve,
    SYS_execveat,
    SYS_setsid,
    SYS_setpgid,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_unshare,
    SYS_setns,
    SYS_personality,
    // priority and place of others
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_sched_setaffinity,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_migrate_pages,
    SYS_move_pages,
    // network
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
    // files and folders
    SYS_mkdirat,
    SYS_unlinkat,
    SYS_renameat2,
    SYS_linkat,
    SYS_symlinkat,
    SYS_mknodat,
    SYS_truncate,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_memfd_create,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_open_by_handle_at,
    SYS_acct,
    SYS_swapon,
    SYS_swapoff,
    SYS_quotactl,
    // what outlives a process or its parent, or goes around the filter
    SYS_prctl,
    SYS_shmget,
    SYS_msgget,
    SYS_semget,
    SYS_mq_open,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_setrlimit,
    SYS_prlimit64,
    SYS_reboot,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
#ifdef SYS_fork  // calls that newer architectures have only in their "at" form
    SYS_fork,
    SYS_vfork,
    SYS_creat,
    SYS_mkdir,
    SYS_rmdir,
    SYS_unlink,
    SYS_rename,
    SYS_link,
    SYS_symlink,
    SYS_mknod,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_socketcall  // several of the calls above behind one number
    SYS_socketcall,
#endif
#ifdef SYS_ipc
    SYS_ipc,
#endif
};

/// Calls newer than the headers that this may be compiled with; from 424 on all architectures
/// number them alike.
constexpr int kDeniedNew[] = {
    424,  // pidfd_send_signal
    425,  // io_uring_setup
    428,  // open_tree
    429,  // move_mount
    430,  // fsopen
    432,  // fsmount
    434,  // pidfd_open
    435,  // clone3
    437,  // openat2
    438,  // pidfd_getfd
    442,  // mount_setattr
    447,  // memfd_secret
    452,  // fchmodat2
    463,  // setxattrat
    466,  // removexattrat
};

constexpr std::uint32_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;

/// Orders to fcntl by which the kernel signals another process when something happens to a
/// descriptor, whatever `kill` is allowed.
constexpr std::uint32_t kSignallingOrders[] = {F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE,
                                               F_NOTIFY};
/// The same of ioctl.
constexpr std::uint32_t kSignallingControls[] = {FIOSETOWN, SIOCSPGRP};

class Filter {
 public:
  void load(std::size_t offset) {
    add(BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset));
  }
  /// Skips `then` instructions when the loaded word compares so with `value`, else `otherwise`.
  void jump(int comparison, std::uint32_t value, int then, int otherwise) {
    add(BPF_JMP | comparison | BPF_K, then, otherwise, value);
  }
  void end(std::uint32_t action) { add(BPF_RET | BPF_K, 0, 0, action); }
  void deny(int call) {
    jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 1);
    end(SECCOMP_RET_ERRNO | EPERM);
  }
  /// Denies `call` when its argument `argument` has a writing flag.
  void deny_writing(int call, std::size_t argument) {
    load(offsetof(seccomp_data, nr));
    jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 3);
    // the low half: these machines are little-endian
    load(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
    jump(BPF_JSET, kWriting, 0, 1);
    end(SECCOMP_RET_ERRNO | EPERM);
  }
  /// Denies `call` when its argument 1 is one of `orders`, which the kernel takes as 32 bits.
  void deny_orders(int call, std::span<const std::uint32_t> orders) {
    load(offsetof(seccomp_data, nr));
    jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, static_cast<int>(1 + 2 * orders.size()));
    load(offsetof(seccomp_data, args) + sizeof(std::uint64_t));
    for (const std::uint32_t order : orders) {
      jump(BPF_JEQ, order, 0, 1);
      end(SECCOMP_RET_ERRNO | EPERM);
    }
  }
  std::string bytes() const {
    return {reinterpret_cast<const char*>(code_.data()), code_.size() * sizeof(sock_filter)};
  }

 private:
  void add(int code, int then, int otherwise, std::uint32_t value) {
    code_.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(then),
                     static_cast<std::uint8_t>(otherwise), value});
  }
  std::vector<sock_filter> code_;
};

}  // namespace

std::string system_call_filter() {
  Filter filter;
  filter.load(offsetof(seccomp_data, arch));
  filter.jump(BPF_JEQ, kArchitecture, 1, 0);
  filter.end(SECCOMP_RET_KILL_PROCESS);
  filter.load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  // the x32 calls are the others under other numbers
  filter.jump(BPF_JGE, 0x40000000, 0, 1);
  filter.end(SECCOMP_RET_ERRNO | EPERM);
#endif
  for (const int call : kDenied) filter.deny(call);
  for (const int call : kDeniedNew) filter.deny(call);
#ifdef SYS_open
  filter.deny_writing(SYS_open, 1);
#endif
  filter.deny_writing(SYS_openat, 2);
  filter.deny_orders(SYS_fcntl, kSignallingOrders);
  filter.deny_orders(SYS_ioctl, kSignallingControls);
  filter.end(SECCOMP_RET_ALLOW);
  return filter.bytes();
}

const char* const kPrelude = R"py(
import ctypes, json, os, resource, sys, traceback

task = json.load(sys.stdin)
word = task.pop("word")


def say(line):
    os.write(3, (word + " " + line.replace("\n", " ")[:2000] + "\n").encode("utf-8", "replace"))


def call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name + ": " + os.strerror(ctypes.get_errno()))


def limit(kind, soft, hard):
    highest = resource.getrlimit(kind)[1]
    if highest != resource.RLIM_INFINITY:
        soft, hard = min(soft, highest), min(hard, highest)
    resource.setrlimit(kind, (soft, hard))


def confine():
    os.chdir(task["directory"])
    os.environ.clear()
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.closerange(4, max(os.sysconf("SC_OPEN_MAX"), 4))
    numbers = [ctypes.c_ulong(n) for n in (1, 9, 38, 22, 2, 0)]
    die_with_parent, kill, no_new_privileges, seccomp, by_filter, zero = numbers
    call("prctl", die_with_parent, kill, zero, zero, zero)
    try:  # users, network, inter-process communication, host name
        call("unshare", 0x10000000 | 0x40000000 | 0x08000000 | 0x04000000)
        namespaces = "own"
    except OSError:
        namespaces = "shared"
    limit(resource.RLIMIT_CPU, task["cpu"], task["cpu"] + 1)
    limit(resource.RLIMIT_AS, task["memory"], task["memory"])
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        limit(kind, 0, 0)
    limit(resource.RLIMIT_NOFILE, 64, 64)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]

    code = bytes.fromhex(task["filter"])
    call("prctl", no_new_privileges, ctypes.c_ulong(1), zero, zero, zero)
    call("prctl", seccomp, by_filter, ctypes.byref(Program(len(code) // 8, code)))
    return namespaces


def why(problem):
    if isinstance(problem, SystemExit):
        return "SystemExit before the tests had passed"
    reason = traceback.format_exception_only(type(problem), problem)[-1].strip()
    lines = [f.lineno for f in traceback.extract_tb(problem.__traceback__) if f.filename == "<tests>"]
    return reason + (" in: " + task["tests"].split("\n")[lines[0] - 1] if lines else "")


def was_stopped(problem):  # by a limit of memory, or by a call that the filter denied
    while problem is not None:
        if isinstance(problem, MemoryError):
            return True
        if isinstance(problem, OSError) and problem.errno == 1:  # EPERM
            return True
        if type(problem) is RuntimeError and "can't start new thread" in str(problem):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def run():
    names = {"__name__": "answer"}
    exec(compile(task["code"], "<answer>", "exec"), names)
    exec(compile(task["tests"], "<tests>", "exec"), names)


say("confined " + confine())
try:
    run()
    say("passed")
except BaseException as problem:
    say(("stopped " if was_stopped(problem) else "failed ") + why(problem))
sys.stdout.flush()
os._exit(0)
)py";

}  // namespace factsweep::tasks
