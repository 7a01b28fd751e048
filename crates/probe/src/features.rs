//! What this kernel can do, by asking it: its BTF and tiny programs, never its version.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Struct, Typedef};
use libbpf_rs::{MapType, ProgramType};

/// What matters here of the running kernel.
#[derive(Debug, Clone)]
pub struct Features {
    /// The kernel describes its own types.
    pub btf: bool,
    /// It has BPF ring buffers (5.8).
    pub ring_buffer: bool,
    /// A probe can carry a number to its program (5.15).
    pub cookies: bool,
    /// Each task can keep something for a probe (5.12).
    pub task_storage: bool,
    /// Many probes in one link (6.6).
    pub uprobe_multi: bool,
    /// And for one process: at first (6.6) the thread was matched, not the process.
    pub uprobe_multi_pid: bool,
    /// Tracepoints name the socket of each send and receive (6.3).
    pub socket_tracepoints: bool,
}

impl Features {
    /// Asks the kernel. Needs the right to load programs for a true answer.
    pub fn detect() -> Self {
        let btf = Path::new(BTF).exists().then(|| Btf::from_vmlinux().ok()).flatten();
        let has_struct = |name: &str| {
            btf.as_ref().is_some_and(|btf| btf.type_by_name::<Struct<'_>>(name).is_some())
        };
        let has_typedef = |name: &str| {
            btf.as_ref().is_some_and(|btf| btf.type_by_name::<Typedef<'_>>(name).is_some())
        };
        Self {
            btf: btf.is_some(),
            ring_buffer: MapType::RingBuf.is_supported().unwrap_or(false),
            cookies: has_helper(libbpf_rs::libbpf_sys::BPF_FUNC_get_attach_cookie),
            task_storage: has_helper(libbpf_rs::libbpf_sys::BPF_FUNC_task_storage_get),
            uprobe_multi: has_struct("bpf_uprobe_multi_link"),
            uprobe_multi_pid: multi_matches_processes(),
            socket_tracepoints: has_typedef("btf_trace_sock_send_length"),
        }
    }

    /// What is missing that nothing can stand in for.
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if !self.btf {
            missing.push(
                "BTF (/sys/kernel/btf/vmlinux): use a kernel built with CONFIG_DEBUG_INFO_BTF=y, \
                 as distributions' kernels are",
            );
        }
        if !self.ring_buffer {
            missing.push("BPF ring buffers: use Linux 5.8 or later");
        }
        missing
    }
}

const BTF: &str = "/sys/kernel/btf/vmlinux";

fn has_helper(helper: u32) -> bool {
    ProgramType::Kprobe.is_helper_supported(helper).unwrap_or(false)
}

/// A kernel that matches processes looks at the number before it looks at the file: -1 is no
/// process, and `/` is no file to place probes in. libbpf asks like this, too, for its own use.
fn multi_matches_processes() -> bool {
    use libbpf_rs::libbpf_sys::{
        BPF_PROG_TYPE_KPROBE, BPF_TRACE_UPROBE_MULTI, bpf_insn, bpf_link_create,
        bpf_link_create_opts, bpf_prog_load, bpf_prog_load_opts,
    };
    let size = |bytes: usize| u64::try_from(bytes).unwrap_or_default();
    let load = bpf_prog_load_opts {
        sz: size(size_of::<bpf_prog_load_opts>()),
        expected_attach_type: BPF_TRACE_UPROBE_MULTI,
        ..Default::default()
    };
    // return 0
    let code =
        [(0xb7, 0), (0x95, 0)].map(|(code, imm)| bpf_insn { code, imm, ..bpf_insn::default() });
    let offset = 0;
    let mut link =
        bpf_link_create_opts { sz: size(size_of::<bpf_link_create_opts>()), ..Default::default() };
    link.__bindgen_anon_1.uprobe_multi.path = c"/".as_ptr();
    link.__bindgen_anon_1.uprobe_multi.offsets = &raw const offset;
    link.__bindgen_anon_1.uprobe_multi.cnt = 1;
    link.__bindgen_anon_1.uprobe_multi.pid = u32::MAX;
    // SAFETY: all that is pointed to lives until the calls return, with the sizes that are told;
    // a descriptor that comes back is owned by nobody else.
    unsafe {
        let program = bpf_prog_load(
            BPF_PROG_TYPE_KPROBE,
            std::ptr::null(),
            c"GPL".as_ptr(),
            code.as_ptr(),
            size(code.len()),
            &raw const load as *mut _,
        );
        if program < 0 {
            return false;
        }
        let program = OwnedFd::from_raw_fd(program);
        let made =
            bpf_link_create(program.as_raw_fd(), -1, BPF_TRACE_UPROBE_MULTI, &raw const link);
        if made >= 0 {
            drop(OwnedFd::from_raw_fd(made));
        }
        made == -libc::EINVAL
    }
}
