import type { ProcessIdentity } from '../model/group.ts'

/** What to start. The process is detached: it outlives Larder. */
export interface Launch {
  /** Program and arguments. One of them contains `tag`, by which the process is found again. */
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly cwd: string
  /** What it takes its program to be called; else the first word of the command. */
  readonly name?: string
  /** Files that are open in it from the start, to be read: descriptors 3, 4, … A name like `/proc/self/fd/3` tells nobody where they are. */
  readonly opened?: readonly string[]
  /** Both streams are appended to this file. A pipe would kill or block the engine when Larder dies. */
  readonly logFile: string
  /** The file begins anew; that of the process before is kept beside it as `.before`. */
  readonly freshLog?: boolean
  /** Text on the command line that no other process has: a path inside the home. */
  readonly tag: string
}

/** `stranger`: the pid lives, but is not the process that we started. `gone` includes zombies. */
export type ProcessCheck = 'running' | 'gone' | 'stranger'

/** Tells busy from hung. */
export interface ProcessSample {
  /** One of Linux's process states, of the main thread. */
  readonly state: string
  /** Time that the main thread has run so far, in nanoseconds; in steps of a clock tick where the kernel does not count finer. */
  readonly runtimeNs: number
  readonly residentBytes: number
}

/** Cheaper than `sample`, for looks that are many. Whoever opens it closes it. */
export interface RuntimeReader {
  /** Nanoseconds that the main thread has run so far; null: it cannot be told, most likely because the process has ended. */
  read(): number | null
  close(): void
}

export type FileContent = string | Uint8Array

export interface Host {
  /** Resolves when the process runs (not when it serves). Rejects with `engine-start` when it could not be executed. */
  start(launch: Launch): Promise<ProcessIdentity>
  check(identity: ProcessIdentity, tag: string): Promise<ProcessCheck>
  /** Every living process of this user whose command line contains `tag`. */
  findByTag(tag: string): Promise<readonly ProcessIdentity[]>
  sample(identity: ProcessIdentity): Promise<ProcessSample | null>
  /** Null where there is none: `sample` always works. */
  runtime(identity: ProcessIdentity): RuntimeReader | null
  /** Sends the signal only if `check` says `running`. */
  signal(identity: ProcessIdentity, tag: string, name: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGHUP'): Promise<boolean>
  /** Resolves when the process is gone, within a few milliseconds of its end; rejects with the signal's reason when it aborts first. */
  waitGone(identity: ProcessIdentity, signal: AbortSignal): Promise<void>
  /** Folders and files of nodes. Files get mode 0600, folders 0700. Writes are atomic (rename). */
  writeFile(path: string, content: FileContent): Promise<void>
  readFile(path: string): Promise<string | null>
  makeFolder(path: string): Promise<void>
  /** Nothing happens when it is not there. */
  removeFile(path: string): Promise<void>
  /** Removes the folder and all in it; nothing happens when it is not there. */
  removeFolder(path: string): Promise<void>
  /** To another name in the same folder, or in one below it. False: there is nothing. */
  move(from: string, to: string): Promise<boolean>
  /** Bytes of a file, or of all files of a folder; 0 where it is not there. */
  sizeOf(path: string): Promise<number>
  listFolder(path: string): Promise<readonly string[]>
  /** Last bytes of a file, for the reason why a process did not start. */
  tail(path: string, bytes: number): Promise<string>
  /** Could something listen on this address and port now? */
  isFree(address: string, port: number): Promise<boolean>
}
