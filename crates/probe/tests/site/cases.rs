//! Short functions with a known answer.

use ecapture_probe::site::{
    Arch, Cost, Inner, Need, Place, Site, Value, choose, choose_moved, covered, inner,
};

use super::Bytes;

const BASE: u64 = 0x1000;
const PAIR: Need = Need { args: 0b111, returns: true };
const ENTRY_ONLY: Need = Need { args: 0b111, returns: false };

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn x86(text: &str, need: Need) -> Site {
    choose(&Bytes::function(BASE, hex(text)), Arch::X86_64, BASE, need)
}

fn arm64(code: &[u32], need: Need) -> Site {
    choose(&Bytes::function(BASE, words(code)), Arch::Arm64, BASE, need)
}

fn entry(cost: Cost) -> Site {
    Site { va: BASE, cost, place: Place::Entry, sp_delta: 0 }
}

fn past(offset: u64, sp_delta: i64) -> Site {
    Site { va: BASE + offset, cost: Cost::Emulated, place: Place::Within(offset), sp_delta }
}

#[test]
fn a_cheap_entry_is_taken() {
    assert_eq!(x86("53 48 83 ec 10 c3", PAIR), entry(Cost::Emulated)); // push rbx
    assert_eq!(x86("41 57 c3", PAIR), entry(Cost::Emulated)); // push r15
    assert_eq!(x86("90 c3", PAIR), entry(Cost::Emulated));
    assert_eq!(x86("e9 00 01 00 00", PAIR), entry(Cost::Emulated));
    assert_eq!(arm64(&[0xb400_0060, 0xd503_201f, 0xd65f_03c0], PAIR), entry(Cost::Emulated)); // cbz
}

/// A function that moves its arguments about and hands them on.
#[test]
fn arguments_are_followed_to_other_registers() {
    // mov rax, rdi; mov r8, rdx; mov rdi, rsi; mov r9, rcx; lea rdx, [rax+0x160]; mov ecx, 32;
    // mov rsi, rax; jmp
    let moves = hex(
        "48 89 f8 49 89 d0 48 89 f7 49 89 c9 48 8d 90 60 01 00 00 b9 20 00 00 00 48 89 c6 e9 e0 00 \
         00 00",
    );
    let code = Bytes::functions(BASE, &[&moves, &hex("c3")]);
    let (site, regs) = choose_moved(&code, Arch::X86_64, BASE, 0b1111);
    assert_eq!(site, past(27, 0));
    assert_eq!(regs[..4], [0, 7, 8, 9]);
    // The connection is lost in between: mov rax, rdi; xor edi, edi; xor eax, eax; push rbx
    let lost = Bytes::function(BASE, hex("48 89 f8 31 ff 31 c0 53 c3"));
    let (site, regs) = choose_moved(&lost, Arch::X86_64, BASE, 0b1);
    assert_eq!((site, regs), (entry(Cost::Stepped), [7, 6, 2, 1, 8, 9]));
}

#[test]
fn endbr_is_stepped_over() {
    assert_eq!(x86("f3 0f 1e fa 53 c3", PAIR), past(4, 0));
    // endbr64; test rdi, rdi; je
    assert_eq!(x86("f3 0f 1e fa 48 85 ff 74 01 90 c3", PAIR), past(7, 0));
    // bti c; cbz x0
    assert_eq!(arm64(&[0xd503_245f, 0xb400_0040, 0xd65f_03c0], PAIR), past(4, 0));
}

#[test]
fn what_some_kernels_step_or_refuse_is_not_cheap() {
    for text in [
        "66 90",             // nop, refused before 6.2
        "f3 90",             // pause
        "0f 1f 00",          // nop that only newer kernels emulate
        "0f 1f 44 00 00",    // the same
        "41 90",             // no nop at all: xchg r8, rax
        "6a 00",             // push of a number
        "ff 37",             // push from memory
        "66 50",             // push of 16 bits
        "48 50",             // push with a needless prefix
        "f2 e9 00 00 00 00", // bnd jmp
        "3e e8 00 00 00 00", // a prefix that the kernel refuses
        "e3 00",             // jrcxz
        "e2 00",             // loop
        "c3",
        "f4",
        "06", // no instruction
        "",
    ] {
        assert_eq!(x86(text, Need { args: 1, returns: true }), entry(Cost::Stepped), "{text}");
    }
    for word in [0xd503_201f, 0xa9be_7bfd, 0x5800_0040, 0xd503_233f, 0xffff_ffff, 0] {
        assert_eq!(arm64(&[word, 0], PAIR), entry(Cost::Stepped), "{word:#x}");
    }
}

#[test]
fn an_overwritten_argument_sends_it_back() {
    // mov rdx, rsi; push rbx
    assert_eq!(x86("48 89 f2 53 c3", PAIR), entry(Cost::Stepped));
    // The same where only the first two are needed.
    assert_eq!(x86("48 89 f2 53 c3", Need { args: 0b11, returns: true }), past(3, 0));
    // mov edx, edx: the upper half is gone
    assert_eq!(x86("89 d2 53 c3", PAIR), entry(Cost::Stepped));
    // mov dl, 0
    assert_eq!(x86("b2 00 53 c3", PAIR), entry(Cost::Stepped));
    // cmove rdi, rax
    assert_eq!(x86("48 0f 44 f8 53 c3", PAIR), entry(Cost::Stepped));
    // mul rdi writes rdx
    assert_eq!(x86("48 f7 e7 53 c3", PAIR), entry(Cost::Stepped));
    // mov x1, x19; b
    assert_eq!(arm64(&[0xaa13_03e1, 0x1400_0100], PAIR), entry(Cost::Stepped));
    // add w1, w1, #0; b
    assert_eq!(arm64(&[0x1100_0021, 0x1400_0100], PAIR), entry(Cost::Stepped));
    // ldr x9, [x2], #8; b
    assert_eq!(arm64(&[0xf840_8449, 0x1400_0100], PAIR), entry(Cost::Stepped));
}

#[test]
fn a_return_probe_wants_the_return_address_where_it_was() {
    // sub rsp, 24; test edx, edx; js
    let wrapper = "48 83 ec 18 85 d2 78 01 90 c3";
    assert_eq!(x86(wrapper, PAIR), entry(Cost::Stepped));
    assert_eq!(x86(wrapper, ENTRY_ONLY), past(6, -24));
    // sub sp, sp, #32; tbnz w2, #31
    let wrapper = [0xd100_83ff, 0x37f8_0042, 0xd65f_03c0, 0xd65f_03c0];
    assert_eq!(arm64(&wrapper, PAIR), entry(Cost::Stepped));
    assert_eq!(arm64(&wrapper, ENTRY_ONLY), past(4, -32));
    // paciasp signs it, str x30, [x9] saves it: too late for either.
    for word in [0xd503_233f, 0xf900_013e] {
        let code = [word, 0x37f8_0042, 0xd65f_03c0, 0xd65f_03c0];
        assert_eq!(arm64(&code, PAIR), entry(Cost::Stepped));
        assert_eq!(arm64(&code, ENTRY_ONLY), past(4, 0));
    }
}

#[test]
fn a_stack_pointer_that_is_not_followed_sends_it_back() {
    // and rsp, -16; push rbx
    assert_eq!(x86("48 83 e4 f0 53 c3", ENTRY_ONLY), entry(Cost::Stepped));
    // sub rsp, rax; push rbx
    assert_eq!(x86("48 29 c4 53 c3", ENTRY_ONLY), entry(Cost::Stepped));
    // lea rsp, [rsp+rax-8]; push rbx
    assert_eq!(x86("48 8d 64 04 f8 53 c3", ENTRY_ONLY), entry(Cost::Stepped));
    // There and back: push of a number; add rsp, 8; push rbx
    assert_eq!(x86("6a 00 48 83 c4 08 53 c3", ENTRY_ONLY), past(6, 0));
    assert_eq!(x86("6a 00 48 83 c4 08 53 c3", PAIR), entry(Cost::Stepped));
}

#[test]
fn nothing_may_lead_back() {
    // endbr64; push rbx; pop rbx; jne to the push, past it, to the entry
    assert_eq!(x86("f3 0f 1e fa 53 5b 75 fc c3", PAIR), entry(Cost::Stepped));
    assert_eq!(x86("f3 0f 1e fa 53 5b 75 fd c3", PAIR), past(4, 0));
    assert_eq!(x86("f3 0f 1e fa 53 5b 75 f8 c3", PAIR), past(4, 0));
    // Not even a part that lies elsewhere: jne to it; it jumps to the push.
    let hot = hex("f3 0f 1e fa 53 5b 0f 85 f4 00 00 00 c3");
    let back = Bytes::functions(BASE, &[&hot, &hex("90 e9 fe fe ff ff")]);
    assert_eq!(choose(&back, Arch::X86_64, BASE, PAIR), entry(Cost::Stepped));
    let past_it = Bytes::functions(BASE, &[&hot, &hex("90 e9 ff fe ff ff")]);
    assert_eq!(choose(&past_it, Arch::X86_64, BASE, PAIR), past(4, 0));
    // Nothing is known of where it ends, or of the part elsewhere.
    let unknown = Bytes { starts: Vec::new(), ..Bytes::function(BASE, hot.clone()) };
    assert_eq!(choose(&unknown, Arch::X86_64, BASE, PAIR), entry(Cost::Stepped));
    let unknown = Bytes::function(BASE, hot);
    assert_eq!(choose(&unknown, Arch::X86_64, BASE - 1, PAIR).place, Place::Entry);
}

#[test]
fn a_jump_through_a_table_needs_a_frame() {
    // endbr64; push rbx; lea rdx, table; movslq rax, [rdx+rax*4]; add rax, rdx; notrack jmp rax
    let framed = "f3 0f 1e fa 53 48 8d 15 00 01 00 00 48 63 04 82 48 01 d0 3e ff e0";
    assert_eq!(x86(framed, PAIR), past(4, 0));
    // The same with the push popped again.
    let frameless = "f3 0f 1e fa 53 5b 48 8d 15 00 01 00 00 48 63 04 82 48 01 d0 3e ff e0";
    assert_eq!(x86(frameless, PAIR), entry(Cost::Stepped));
    // jmp [rax*8 + table] without a frame
    assert_eq!(x86("f3 0f 1e fa 53 5b ff 24 c5 00 10 00 00", PAIR), entry(Cost::Stepped));
    // Tail calls through a pointer: jmp [rax+16]; mov rax, [rax+56]; pop rbx; jmp rax
    assert_eq!(x86("f3 0f 1e fa 53 5b ff 60 10", PAIR), past(4, 0));
    assert_eq!(x86("f3 0f 1e fa 53 48 8b 40 38 5b ff e0", PAIR), past(4, 0));
    // Not any more if something is added.
    assert_eq!(x86("f3 0f 1e fa 53 5b 48 8b 40 38 48 01 d0 ff e0", PAIR), entry(Cost::Stepped));
    // bti c; cbz x0, +8; br x3 without a pointer loaded, and with one
    assert_eq!(arm64(&[0xd503_245f, 0xb400_0040, 0xd61f_0060, 0], PAIR), entry(Cost::Stepped));
    let pointer = [0xd503_245f, 0xb400_0040, 0xf940_1063, 0xd61f_0060];
    assert_eq!(arm64(&pointer, PAIR), past(4, 0));
}

/// sub rsp, 24; mov rax, fs:40; mov [rsp+8], rax; xor eax, eax; test edx, edx; js error;
/// mov rcx, rsp; movslq rdx, edx; call; test eax, eax; jle; mov eax, [rsp]; …
const SSL_READ: &str = "48 83 ec 18 64 48 8b 04 25 28 00 00 00 48 89 44 24 08 31 c0 85 d2 78 20 \
                        48 89 e1 48 63 d2 e8 dd 00 00 00 85 c0 7e 03 8b 04 24 48 83 c4 18 c3";
/// sub rsp, 8; call; xor edx, edx; test eax, eax; cmovs eax, edx; add rsp, 8; ret
const SSL_READ_EX: &str = "48 83 ec 08 e8 f7 ff ff ff 31 d2 85 c0 0f 48 c2 48 83 c4 08 c3";
const BODY: &str = "41 54 48 89 fb 41 5c c3";
const BODY_VA: u64 = BASE + 0x100;

fn openssl(read: &str) -> Bytes {
    Bytes::functions(BASE, &[&hex(read), &hex(BODY), &hex("90"), &hex("90")])
}

#[test]
fn a_thin_wrapper_leads_to_its_inner_function() {
    let code = openssl(SSL_READ);
    let found = inner(&code, Arch::X86_64, BASE, 3).unwrap();
    let args = [
        Value::Arg(0),
        Value::Arg(1),
        Value::SignExtended(2),
        Value::Stack(-24),
        Value::Unknown,
        Value::Unknown,
    ];
    assert_eq!(found, Inner { va: BODY_VA, args, tail: false, count: Some(3) });
    let site = found.site(&code, Arch::X86_64, Need { args: 0b1111, returns: true });
    assert_eq!(site.place, Place::Inner { function: BODY_VA, offset: 0 });
    assert_eq!(site.to_string(), "inner+0, emulated");
}

#[test]
fn the_same_for_arm64() {
    // sub sp, sp, #32; stp x29, x30, [sp, #16]; add x29, sp, #16; tbnz w2, #31, error;
    // sxtw x2, w2; mov x3, sp; bl +0xe8; cmp w0, #0; ldr w1, [sp]; csel w0, w1, w0, gt; …
    let read = words(&[
        0xd100_83ff,
        0xa901_7bfd,
        0x9100_43fd,
        0x37f8_0142,
        0x9340_7c42,
        0x9100_03e3,
        0x9400_003a,
        0x7100_001f,
        0xb940_03e1,
        0x1a80_c020,
        0xa941_7bfd,
        0x9100_83ff,
        0xd65f_03c0,
    ]);
    let code = Bytes::functions(BASE, &[&read, &words(&[0xd503_245f, 0xd65f_03c0])]);
    let found = inner(&code, Arch::Arm64, BASE, 3).unwrap();
    assert_eq!((found.va, found.tail, found.count), (BODY_VA, false, Some(3)));
    let args = [Value::Arg(0), Value::Arg(1), Value::SignExtended(2), Value::Stack(-32)];
    assert_eq!(found.args[..4], args);
}

#[test]
fn a_wrapper_that_might_move_bytes_otherwise_is_not_followed() {
    let follows = |text: &str| inner(&openssl(text), Arch::X86_64, BASE, 3).is_some();
    assert!(follows(SSL_READ));
    // Other conditions than "num is negative": zero; not negative; positive.
    for other in ["74 20", "79 20", "7f 20"] {
        assert!(!follows(&SSL_READ.replace("78 20", other)), "{other}");
    }
    // Of another register, of 64 bits, of the connection, of the flags after something else.
    for (other, call) in [
        ("85 c0 78 20", "e8 dd"),
        ("48 85 d2 78 20", "e8 dc"),
        ("85 ff 78 20", "e8 dd"),
        ("85 d2 ff c0 78 20", "e8 db"),
    ] {
        let changed = SSL_READ.replace("85 d2 78 20", other).replace("e8 dd", call);
        assert!(!follows(&changed), "{other}");
    }
    assert!(follows(
        &SSL_READ.replace("85 d2 78 20", "85 d2 89 c0 78 20").replace("e8 dd", "e8 db")
    ));
    // Something kept before the call: the connection in rbx or in the stack, the buffer in rbp, a
    // pointer out of the connection in rbx. Passing an argument on keeps nothing.
    let keeps = |text: &str| {
        let call = 0xf7 - hex(text).len();
        !follows(&format!("48 83 ec 08 {text} e8 {call:02x} 00 00 00 48 83 c4 08 c3"))
    };
    for text in ["48 89 fb", "48 89 3c 24", "48 89 f5", "48 8b 1f"] {
        assert!(keeps(text), "{text}");
    }
    for text in ["", "48 89 d1", "89 d2", "48 85 ff", "48 89 e3"] {
        assert!(!keeps(text), "{text}");
    }
    // Into the middle of a function, or through a pointer.
    assert!(!follows("48 83 ec 08 e8 f8 00 00 00 48 83 c4 08 c3"));
    assert!(!follows("48 83 ec 08 ff d0 48 83 c4 08 c3"));
    // A jump out of the function with a frame still standing.
    assert!(!follows("48 83 ec 08 e9 f7 00 00 00"));
    assert!(follows("31 c0 e9 f9 00 00 00"));
}

#[test]
fn conditions_laid_out_the_other_way_round_are_followed() {
    // test rdi, rdi; je out; test edx, edx; jns on; xor eax, eax; ret; on: jmp
    let text = "48 85 ff 74 04 85 d2 79 03 31 c0 c3 e9 ef 00 00 00";
    let found = inner(&openssl(text), Arch::X86_64, BASE, 3).unwrap();
    assert_eq!((found.va, found.tail, found.count), (BODY_VA, true, None));
    // 64 bits of something that is no connection
    assert!(
        inner(&openssl(&text.replace("48 85 ff", "48 85 f6")), Arch::X86_64, BASE, 3).is_none()
    );
}

#[test]
fn the_place_for_the_count_is_the_one_that_is_read_back() {
    let count = |text: &str| inner(&openssl(text), Arch::X86_64, BASE, 3).unwrap().count;
    assert_eq!(count(SSL_READ), Some(3));
    assert_eq!(count(&SSL_READ.replace("8b 04 24", "8b 04 20")), None); // [rax]
    // cmovg eax, [rsp]
    let cmov = "48 83 ec 18 48 89 e1 e8 f4 00 00 00 85 c0 0f 4f 04 24 48 83 c4 18 c3";
    assert_eq!(count(cmov), Some(3));
    assert_eq!(count(&cmov.replace("04 24", "44 24 08")), None); // [rsp+8]
    // By the frame pointer: mov rbp, rsp; sub rsp, 16; lea rcx, [rbp-8]; call; mov eax, [rbp-8]
    let frame = "55 48 89 e5 48 83 ec 10 48 8d 4d f8 e8 ef 00 00 00 8b 45 f8 c9 c3";
    assert_eq!(count(frame), Some(3));
    // In the fifth argument: mov r8, rsp; xor ecx, ecx
    let fifth = "48 83 ec 18 49 89 e0 31 c9 e8 f2 00 00 00 85 c0 0f 4f 04 24 48 83 c4 18 c3";
    assert_eq!(count(fifth), Some(4));
}

#[test]
fn another_wrapper_of_the_same_function_is_covered() {
    const SAME: &[(usize, u8)] = &[(0, 0), (1, 1), (2, 2), (3, 3)];
    let ex = |code: &Bytes, same| covered(code, Arch::X86_64, BASE + 0x200, 4, BODY_VA, same);
    let with = |third: &str| {
        Bytes::functions(BASE, &[&hex(SSL_READ), &hex(BODY), &hex(third), &hex("90")])
    };
    let there = SSL_READ_EX.replace("e8 f7 ff ff ff", "e8 f7 fe ff ff");
    assert!(ex(&with(&there), SAME));
    assert!(!ex(&with(SSL_READ_EX), SAME));
    assert!(!ex(&with(&there), &[(0, 0), (1, 1), (2, 2), (4, 3)]));
    assert!(!ex(&with(&there), &[(0, 0), (9, 1)]));
    // With an argument moved: mov r8, rcx; xor ecx, ecx; jmp
    let moved = "49 89 c8 31 c9 e9 f6 fe ff ff";
    assert!(ex(&with(moved), &[(0, 0), (1, 1), (2, 2), (4, 3)]));
    assert!(!ex(&with(moved), SAME));
}

#[test]
fn imports_are_followed_only_within_the_file() {
    // 0: mov r8, rcx; xor ecx, ecx; jmp stub. 1: endbr64; jmp [slot]. 2: sub rsp, 8; call 3.
    let functions = [
        hex("49 89 c8 31 c9 e9 f6 00 00 00"),
        hex("f3 0f 1e fa ff 25 f6 1e 00 00"),
        hex("48 83 ec 08 e8 f7 00 00 00 48 83 c4 08 c3"),
        hex(BODY),
    ];
    let functions: Vec<&[u8]> = functions.iter().map(|function| &function[..]).collect();
    let mut code = Bytes::functions(BASE, &functions);
    const SAME: &[(usize, u8)] = &[(0, 0), (1, 1), (2, 2), (4, 3)];
    let body = BASE + 0x300;
    assert!(!covered(&code, Arch::X86_64, BASE, 4, body, SAME));
    code.slots.push((BASE + 0x2000, BASE + 0x200));
    assert!(covered(&code, Arch::X86_64, BASE, 4, body, SAME));
    assert_eq!(inner(&code, Arch::X86_64, BASE, 4).unwrap().va, BASE + 0x200);
    // bti c; adrp x16, +0x2000; ldr x17, [x16, #8]; add x16, x16, #8; br x17
    let stub = words(&[0xd503_245f, 0xd000_0010, 0xf940_0611, 0x9100_2210, 0xd61f_0220]);
    let mut code = Bytes::functions(BASE, &[&words(&[0x1400_0040]), &stub, &words(&[0xd503_245f])]);
    assert_eq!(inner(&code, Arch::Arm64, BASE, 4), None);
    code.slots.push((0x3008, BASE + 0x200));
    assert_eq!(inner(&code, Arch::Arm64, BASE, 4).unwrap().va, BASE + 0x200);
}

#[test]
fn bytes_cut_short_anywhere_do_no_harm() {
    for text in [SSL_READ, SSL_READ_EX, "f3 0f 1e fa 53 5b 0f 85 f4 00 00 00 c3"] {
        let whole = hex(text);
        for len in 0..whole.len() {
            let code = Bytes::function(BASE, whole[..len].to_vec());
            for arch in [Arch::X86_64, Arch::Arm64] {
                let site = choose(&code, arch, BASE, PAIR);
                assert!(site.va == BASE || site.va - BASE < len as u64);
                assert!(inner(&code, arch, BASE, 3).is_none_or(|inner| inner.va == BASE));
            }
        }
    }
}
