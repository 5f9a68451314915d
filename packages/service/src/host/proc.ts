/**
 * What /proc says about processes. Reads are synchronous: procfs answers from memory in microseconds, and a read through the
 * thread pool would cost more than it saves.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import type { ProcessIdentity } from '../model/group.ts'
import type { ProcessSample } from '../ports/host.ts'

/** The fields of /proc/<pid>/stat that Larder needs, see proc(5). */
export interface ProcessStat {
  readonly state: string
  readonly session: number
  /** 0: no terminal. */
  readonly terminal: number
  readonly cpuTicks: number
  readonly residentPages: number
  /** Clock ticks since boot, as text: it is only ever compared. */
  readonly startTime: string
}

const missing = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])

/** Null where the process is gone or is not ours to look at. */
const orNull = <T>(read: () => T): T | null => {
  try {
    return read()
  } catch (error) {
    if (missing.has((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** The name in parentheses may itself hold spaces and parentheses: the fields are counted from the last one. */
export const parseStat = (text: string): ProcessStat => {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // fields[0] is field 3 of proc(5)
  const field = (number: number): string => fields[number - 3] ?? ''
  return {
    state: field(3),
    session: Number(field(6)),
    terminal: Number(field(7)),
    cpuTicks: Number(field(14)) + Number(field(15)),
    startTime: field(22),
    residentPages: Number(field(24)),
  }
}

export const readStat = (pid: number): ProcessStat | null => {
  const text = orNull(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  return text === null ? null : parseStat(text)
}

/** Zombies have ended: only their parent has not looked yet. */
export const hasEnded = (stat: ProcessStat | null): stat is null => stat === null || stat.state === 'Z' || stat.state === 'X'

/** Arguments joined by spaces; empty for a zombie and in the middle of an exec. */
export const readCommandLine = (pid: number): string => {
  const text = orNull(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
  return text.replaceAll('\0', ' ').trimEnd()
}

const partOfName = /[A-Za-z0-9._-]/

/** A tag is a whole path or the beginning of one up to a slash: `/home/nodes/a` is not found in `/home/nodes/ab`. */
export const containsTag = (commandLine: string, tag: string): boolean => {
  if (tag === '') return false
  for (let at = commandLine.indexOf(tag); at >= 0; at = commandLine.indexOf(tag, at + 1)) {
    const next = commandLine[at + tag.length]
    if (tag.endsWith('/') || next === undefined || !partOfName.test(next)) return true
  }
  return false
}

let boot: string | undefined

export const bootId = (): string => {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return boot
}

/** Null when the process has ended. */
export const identify = (pid: number): ProcessIdentity | null => {
  const stat = readStat(pid)
  return stat === null ? null : { pid, startTime: stat.startTime, bootId: bootId() }
}

/** The stat of exactly this process; null when it has ended, also where its pid lives on as another process. */
export const statOf = (identity: ProcessIdentity): ProcessStat | null => {
  if (identity.bootId !== bootId()) return null
  const stat = readStat(identity.pid)
  return hasEnded(stat) || stat.startTime !== identity.startTime ? null : stat
}

const tickNs = 10_000_000
const pageBytes = 4_096

/** Of the main thread, where the kernel counts nanoseconds; else clock ticks of the whole process (proc(5): schedstat, stat). */
const runtimeOf = (pid: number, stat: ProcessStat): number => {
  const [ran] = (orNull(() => readFileSync(`/proc/${pid}/schedstat`, 'latin1')) ?? '').split(' ')
  return ran === undefined || ran === '' ? stat.cpuTicks * tickNs : Number(ran)
}

export const sampleOf = (identity: ProcessIdentity): ProcessSample | null => {
  const stat = statOf(identity)
  if (stat === null) return null
  return {
    state: stat.state,
    runtimeNs: runtimeOf(identity.pid, stat),
    residentBytes: stat.residentPages * pageBytes,
  }
}

/**
 * Larder starts everything as the leader of its own session, without a terminal, with nothing to read and its output in a file.
 * An editor, a `tail -f` or a forked child of an engine may well have the same path on its command line, but not all of these.
 */
const isStartedByLarder = (pid: number, stat: ProcessStat): boolean => {
  if (stat.session !== pid || stat.terminal !== 0) return false
  const input = orNull(() => readlinkSync(`/proc/${pid}/fd/0`))
  const output = orNull(() => readlinkSync(`/proc/${pid}/fd/1`))
  return (input === null || input === '/dev/null') && (output === null || (output.startsWith('/') && !output.startsWith('/dev/')))
}

const livingPids = (): readonly number[] => readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))

/** Every living process of this user that Larder may have started with this tag. */
export const findProcesses = (tag: string): readonly ProcessIdentity[] => {
  const uid = process.getuid?.()
  return livingPids().flatMap((pid) => {
    if (pid === process.pid || orNull(() => statSync(`/proc/${pid}`).uid) !== uid) return []
    if (!containsTag(readCommandLine(pid), tag)) return []
    const stat = readStat(pid)
    return hasEnded(stat) || !isStartedByLarder(pid, stat) ? [] : [{ pid, startTime: stat.startTime, bootId: bootId() }]
  })
}
