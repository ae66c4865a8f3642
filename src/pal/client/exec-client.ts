/**
 * The client of `cloister exec` as a program of its own, for hosts that are x86-64: Node takes 30 ms to start, this takes one.
 *
 * It does what `commands/exec.ts` does for a program without options: connects to the control socket, hands over arguments
 * and environment as they are, moves bytes when they are asked for, passes signals on, and ends with the program's exit code.
 * Whatever it cannot do, it leaves to Node before anything has been started: no socket, a refusal, a path that is too long.
 *
 *     client SOCKET NODE FLAG ENTRY -C DIRECTORY exec PROGRAM [ARGUMENTS…]
 *
 * From the third word on this is the command line for Node, which is executed as it stands.
 *
 * Signals are blocked and read from a descriptor (signalfd(2)), so none is lost and none interrupts. Writes are of 4096 bytes
 * at most to what poll(2) says is ready: a pipe takes that much without blocking, so signals get through while a reader is slow.
 */

import { FRAME, PROTOCOL } from '../node/control/frame.ts';
import { program } from './assembler.ts';

const HEADER_BYTES = 5;
/** The enclave sends no more than 64 KiB in a frame of output; refusals are longer than that never. */
const RECEIVE_BYTES = 256 << 10;
const INPUT_BYTES = 64 << 10;
const MAX_REQUEST = (4 << 20) - 64;

const SIGNALS = { HUP: 1, INT: 2, QUIT: 3, USR2: 12, TERM: 15, CONT: 18, TSTP: 20 } as const;
const maskOf = (signals: readonly number[]): number => signals.reduce((mask, signal) => mask | (1 << (signal - 1)), 0);

const hello = (): Uint8Array => {
  const json = new TextEncoder().encode(JSON.stringify({ protocol: PROTOCOL }));
  return Uint8Array.of(FRAME.hello, json.length, 0, 0, 0, ...json);
};

const TEXT = `
  mov rbx, rsp                        ; argc, the arguments, 0, the environment, 0
  mov dword [mask], FORWARDED+PIPE
  mov dword [forwarded], FORWARDED
  mov eax, rt_sigprocmask             ; SIGPIPE is an error of write(2) here
  xor edi, edi
  mov esi, mask
  mov edx, oldmask
  mov r10d, 8
  syscall

  mov eax, socket                     ; AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC
  mov edi, 1
  mov esi, 0x80001
  xor edx, edx
  syscall
  mov r12d, eax                       ; r12: the socket
  test eax, eax
  js fallback
  mov dword [address], 1
  mov rsi, [rbx+16]
  xor ecx, ecx
path:
  movzx eax, byte [rsi+rcx]
  mov byte [address+2+rcx], al
  add ecx, 1
  test eax, eax
  je connecting
  cmp ecx, 108
  jb path
  jmp fallback
connecting:
  lea edx, [rcx+2]
  mov eax, connect
  mov edi, r12d
  mov esi, address
  syscall
  test eax, eax
  js fallback
  mov eax, signalfd4
  mov edi, 0-1
  mov esi, forwarded
  mov edx, 8
  mov r10d, 0x80000
  syscall
  mov r13d, eax                       ; r13: signals
  test eax, eax
  js fallback

  mov rcx, [rbx]                      ; the strings lie one behind the other, as execve(2) put them
  lea rdx, [rbx+rcx*8+16]
  sub ecx, 8
  jle fallback
  mov [arguments], ecx
  xor ecx, ecx
variables:
  cmp qword [rdx+rcx*8], 0
  je counted
  add ecx, 1
  jmp variables
counted:
  mov [variablecount], ecx
  mov rsi, [rdx+rcx*8-8]
  test ecx, ecx
  jne ending
  mov rsi, [rdx-16]
ending:
  cmp byte [rsi], 0
  lea rsi, [rsi+1]
  jne ending
  mov r9, [rbx+72]
  sub rsi, r9
  cmp rsi, MAX_REQUEST
  ja fallback
  mov r8, rsi
  mov byte [request], EXEC_STRINGS
  lea eax, [rsi+8]
  mov [request+1], eax
  mov eax, [arguments]
  mov [request+5], eax
  mov eax, [variablecount]
  mov [request+9], eax
  xor ebp, ebp                        ; ebp: 1 as soon as the program may have been started
  xor r14d, r14d                      ; r14: bytes of input that the enclave waits for
  xor r15d, r15d                      ; r15: bytes received and not used yet
  mov esi, hello
  mov edx, HELLO_BYTES
  call send
  mov esi, request
  mov edx, 13
  call send
  mov rsi, r9
  mov rdx, r8
  call send
  mov dword [output1+8], 1
  mov dword [output1+12], buffer1
  mov dword [output2+8], 2
  mov dword [output2+12], buffer2

loop:
  mov [polled], r12d
  mov dword [polled+4], POLLIN
  mov [polled+8], r13d
  mov dword [polled+12], POLLIN
  mov eax, 0-1
  test r14d, r14d
  je unwanted
  xor eax, eax
unwanted:
  mov [polled+16], eax
  mov dword [polled+20], POLLIN
  mov eax, 0-1
  cmp dword [output1+4], 0
  je empty1
  mov eax, 1
empty1:
  mov [polled+24], eax
  mov dword [polled+28], POLLOUT
  mov eax, 0-1
  cmp dword [output2+4], 0
  je empty2
  mov eax, 2
empty2:
  mov [polled+32], eax
  mov dword [polled+36], POLLOUT
  mov eax, poll
  mov edi, polled
  mov esi, 5
  mov edx, 0-1
  syscall
  test eax, eax
  js loop
  movzx eax, word [polled+14]
  test eax, eax
  je nosignal
  call signal
nosignal:
  movzx eax, word [polled+30]
  test eax, eax
  je nooutput
  mov r8d, output1
  call drain
nooutput:
  movzx eax, word [polled+38]
  test eax, eax
  je noerror
  mov r8d, output2
  call drain
noerror:
  movzx eax, word [polled+22]
  test eax, eax
  je noinput
  call input
noinput:
  movzx eax, word [polled+6]
  test eax, eax
  je loop
  call receive
  jmp loop

signal:
  xor eax, eax                        ; read
  mov edi, r13d
  mov esi, siginfo
  mov edx, 128
  syscall
  cmp eax, 128
  jne return
  mov byte [small], SIGNAL
  mov dword [small+1], 4
  mov eax, [siginfo]
  mov [small+5], eax
  mov esi, small
  mov edx, 9
  call send
  cmp dword [siginfo], TSTP
  jne return
  mov eax, nanosleep                  ; the shell that started us must see us stopped too, once the enclave has been told
  mov edi, pause
  xor esi, esi
  syscall
  mov eax, getpid
  syscall
  mov edi, eax
  mov esi, SIGSTOP
  mov eax, kill
  syscall
return:
  ret

drain:                                ; r8: address, bytes left, descriptor
  mov esi, [r8]
  mov edx, [r8+4]
  mov edi, [r8+8]
  cmp edx, 4096
  jbe short
  mov edx, 4096
short:
  mov eax, write
  syscall
  cmp eax, 0-EAGAIN
  je return
  test eax, eax
  js broken
  add [r8], eax
  sub [r8+4], eax
  jne return
taken:
  mov eax, 1
  jmp tell
broken:
  mov dword [r8+4], 0
  cmp eax, 0-EPIPE
  je gone
  mov [unwritten], eax
  cmp dword [r8+8], 1
  jne tell                            ; there is no place left to tell it
  mov r10d, eax
  call telllost
  mov eax, r10d
  jmp tell
gone:
  xor eax, eax
tell:
  mov byte [small], TAKEN
  mov dword [small+1], 8
  mov ecx, [r8+8]
  sub ecx, 1
  mov [small+5], ecx
  mov [small+9], eax
  mov esi, small
  mov edx, 13
  jmp send

telllost:                             ; eax: what write(2) gave
  mov esi, lostfull
  mov edx, LOST_FULL_BYTES
  cmp eax, 0-ENOSPC
  je telling
  mov esi, lostclosed
  mov edx, LOST_CLOSED_BYTES
  cmp eax, 0-EBADF
  je telling
  mov esi, lostother
  mov edx, LOST_OTHER_BYTES
telling:
  mov eax, write
  mov edi, 2
  syscall
  ret

input:
  mov edx, r14d
  cmp edx, INPUT_BYTES
  jbe asked
  mov edx, INPUT_BYTES
asked:
  xor eax, eax                        ; read
  xor edi, edi
  mov esi, inputbuffer+5
  syscall
  cmp eax, 0-EAGAIN
  je return
  xor r14d, r14d
  test eax, eax
  jle ended
  mov byte [inputbuffer], INPUT
  mov [inputbuffer+1], eax
  lea edx, [rax+5]
  mov esi, inputbuffer
  jmp send
ended:
  mov byte [small], INPUT_END
  mov dword [small+1], 0
  mov esi, small
  mov edx, 5
  jmp send

send:                                 ; rsi, rdx
  mov eax, write
  mov edi, r12d
  syscall
  test rax, rax
  js lost
  add rsi, rax
  sub rdx, rax
  jne send
  ret

receive:
  xor eax, eax                        ; read
  mov edi, r12d
  lea esi, [r15+received]
  mov edx, RECEIVE_BYTES
  sub edx, r15d
  syscall
  test eax, eax
  jle lost
  add r15d, eax
  xor r9d, r9d                        ; r9: bytes used
next:
  mov edx, r15d
  sub edx, r9d
  cmp edx, 5
  jb rest
  mov ecx, [r9+received+1]
  cmp ecx, RECEIVE_BYTES-5
  ja lost
  lea eax, [rcx+5]
  cmp edx, eax
  jb rest
  movzx eax, byte [r9+received]
  lea r10d, [r9+received+5]
  lea r9d, [r9+rcx+5]
  cmp eax, WANT
  je want
  mov r8d, output1
  cmp eax, OUTPUT
  je store
  mov r8d, output2
  cmp eax, ERROR
  je store
  cmp eax, EXITED
  je exited
  cmp eax, REFUSED
  je refused
  mov dword [welcomed], 1
  jmp next
want:
  mov ebp, 1
  mov r14d, [r10]
  jmp next
store:
  mov ebp, 1
  cmp dword [r8+4], 0                 ; there is never more than one that was not taken
  jne lost
  mov edi, [r8+12]
  mov [r8], edi
  mov [r8+4], ecx
  mov esi, r10d
  rep movsb
  cmp dword [r8+4], 0
  jne next
  call taken
  jmp next
rest:
  mov ecx, r15d
  sub ecx, r9d
  mov r15d, ecx
  lea esi, [r9+received]
  mov edi, received
  rep movsb
  ret

exited:                               ; a wait status: 128 + n for signal n
  mov eax, [r10]
  mov edi, eax
  and edi, 0x7f
  jne killed
  mov edi, eax
  shr edi, 8
  and edi, 0xff
  jne exit
  cmp dword [unwritten], 0
  je exit
  mov edi, EXIT_HOST
  jmp exit
killed:
  add edi, 128
  jmp exit

refused:
  test ebp, ebp
  je fallback
  mov esi, failed
  mov edx, FAILED_BYTES
  mov r8d, EXIT_INTERNAL
  jmp say
lost:
  cmp dword [welcomed], 0
  je fallback
  mov esi, stopped
  mov edx, STOPPED_BYTES
  mov r8d, EXIT_NOT_RUNNING
say:
  mov eax, write
  mov edi, 2
  syscall
  mov edi, r8d
exit:
  mov eax, exit_group
  syscall

fallback:
  mov eax, rt_sigprocmask             ; what has arrived meanwhile arrives in Node
  mov edi, 2
  mov esi, oldmask
  xor edx, edx
  mov r10d, 8
  syscall
  mov rcx, [rbx]
  lea rdx, [rbx+rcx*8+16]
  lea rsi, [rbx+24]
  mov rdi, [rbx+24]
  mov eax, execve
  syscall
  mov edi, EXIT_HOST
  jmp exit
`;

const LOST_FULL = "cloister: the program's output: ENOSPC: no space left on device, write\n",
  LOST_CLOSED = "cloister: the program's output: EBADF: bad file descriptor, write\n",
  LOST_OTHER = "cloister: the program's output cannot be written\n";
const FAILED = 'cloister: the enclave has failed; cloister logs says how\n';
const STOPPED = 'cloister: the enclave has stopped\n';

/** `exitCodes`: what the command line ends with when it is not the program's own code. */
export function execClient(exitCodes: { readonly notRunning: number; readonly host: number; readonly internal: number }): Uint8Array {
  return program({
    text: TEXT,
    constants: {
      // x86-64 system calls
      read: 0,
      write: 1,
      poll: 7,
      rt_sigprocmask: 14,
      nanosleep: 35,
      getpid: 39,
      socket: 41,
      connect: 42,
      execve: 59,
      kill: 62,
      exit_group: 231,
      signalfd4: 289,
      POLLIN: 1,
      POLLOUT: 4,
      EBADF: 9,
      EAGAIN: 11,
      ENOSPC: 28,
      EPIPE: 32,
      SIGSTOP: 19,
      TSTP: SIGNALS.TSTP,
      FORWARDED: maskOf(Object.values(SIGNALS)),
      PIPE: maskOf([13]),
      EXEC_STRINGS: FRAME.execStrings,
      INPUT: FRAME.input,
      INPUT_END: FRAME.inputEnd,
      TAKEN: FRAME.taken,
      SIGNAL: FRAME.signal,
      WANT: FRAME.want,
      OUTPUT: FRAME.output,
      ERROR: FRAME.error,
      EXITED: FRAME.exited,
      REFUSED: FRAME.refused,
      MAX_REQUEST,
      RECEIVE_BYTES,
      INPUT_BYTES,
      HELLO_BYTES: hello().length,
      FAILED_BYTES: FAILED.length,
      LOST_FULL_BYTES: LOST_FULL.length,
      LOST_CLOSED_BYTES: LOST_CLOSED.length,
      LOST_OTHER_BYTES: LOST_OTHER.length,
      STOPPED_BYTES: STOPPED.length,
      EXIT_NOT_RUNNING: exitCodes.notRunning,
      EXIT_HOST: exitCodes.host,
      EXIT_INTERNAL: exitCodes.internal,
    },
    data: { hello: hello(), failed: FAILED, stopped: STOPPED, lostfull: LOST_FULL, lostclosed: LOST_CLOSED, lostother: LOST_OTHER, pause: new Uint8Array(new BigInt64Array([0n, 20_000_000n]).buffer) },
    memory: {
      mask: 8,
      oldmask: 8,
      forwarded: 8,
      address: 112,
      arguments: 4,
      variablecount: 4,
      request: 16,
      polled: 40,
      siginfo: 128,
      small: 16,
      welcomed: 4,
      unwritten: 4,
      output1: 16,
      output2: 16,
      inputbuffer: HEADER_BYTES + INPUT_BYTES,
      buffer1: RECEIVE_BYTES,
      buffer2: RECEIVE_BYTES,
      received: RECEIVE_BYTES,
    },
  });
}
