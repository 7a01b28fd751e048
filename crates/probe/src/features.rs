//! What this kernel can do, by asking it: its BTF and tiny programs, never its version.

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
    /// Many probes in one link (6.6).
    pub uprobe_multi: bool,
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
            uprobe_multi: has_struct("bpf_uprobe_multi_link"),
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
