/**
 * A filter for the kernel (seccomp(2)) that lets nobody behind walls type into the terminal that a person shares with him (hazard d27, CVE-2017-5226): what is "typed" there his shell would run outside
 * of the walls. Kernels from 6.2 on may forbid it for everybody (`dev.tty.legacy_tiocsti` is 0); the one it was tried on, 6.18, does not.
 */

/** bpf_common.h, seccomp.h. */
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const ALLOW = 0x7fff_0000;
const REFUSE = 0x0005_0000;
const EPERM = 1;

/** Of the call in `struct seccomp_data`: its number, the processor, and the lower half of its second argument where the lower half comes first. */
const NUMBER = 0;
const ARCHITECTURE = 4;
const SECOND_ARGUMENT = 24;

/** asm-generic/ioctls.h: into a terminal's input; into a console's, by its selection. */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

/** audit.h, and ioctl's number in each table of system calls: x86-64, its 32-bit pointers, i386; ARM 64 and 32; RISC-V 64. */
const CALLS = [
  [0xc000_003e, 16],
  [0xc000_003e, 0x4000_0202],
  [0x4000_0003, 54],
  [0xc000_00b7, 29],
  [0x4000_0028, 54],
  [0xc000_00f3, 29],
] as const;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

/** The filter as bubblewrap reads it (`--seccomp`). Null on other processors: nobody has tried it there. */
export function terminalFilter(): Buffer | null {
  if (!['x64', 'arm64', 'riscv64'].includes(process.arch)) return null;
  const instructions: readonly Instruction[] = [
    ...CALLS.flatMap(([architecture, number]): readonly Instruction[] => [
      [LOAD_WORD, 0, 0, ARCHITECTURE],
      [JUMP_IF_EQUAL, 0, 6, architecture],
      [LOAD_WORD, 0, 0, NUMBER],
      [JUMP_IF_EQUAL, 0, 4, number],
      [LOAD_WORD, 0, 0, SECOND_ARGUMENT],
      [JUMP_IF_EQUAL, 1, 0, TIOCSTI],
      [JUMP_IF_EQUAL, 0, 1, TIOCLINUX],
      [RETURN, 0, 0, REFUSE + EPERM],
    ]),
    [RETURN, 0, 0, ALLOW],
  ];
  const program = Buffer.alloc(instructions.length * 8);
  for (const [at, [code, ifTrue, ifFalse, value]] of instructions.entries()) {
    program.writeUInt16LE(code, at * 8);
    program.writeUInt8(ifTrue, at * 8 + 2);
    program.writeUInt8(ifFalse, at * 8 + 3);
    program.writeUInt32LE(value, at * 8 + 4);
  }
  return program;
}
