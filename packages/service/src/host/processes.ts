/** Starts, recognises, signals and awaits the processes that outlive Larder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync, renameSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { LarderError } from '../errors.ts'
import type { ProcessIdentity } from '../model/group.ts'
import type { Host, Launch, ProcessCheck } from '../ports/host.ts'
import { giveFormerPriority } from './priority.ts'
import { containsTag, findProcesses, hasEnded, identify, readCommandLine, readStat, sampleOf, statOf } from './proc.ts'
import { openRuntime } from './runtime.ts'
import { isShortage } from './shortage.ts'

/** Command lines are read again a few times: they are empty in the middle of an exec, and half-written while an engine sets its title. */
const commandLineTries = 5
const commandLinePauseMs = 4
const execDeadlineMs = 2_000

interface OwnChild {
  readonly identity: ProcessIdentity
  readonly exited: Promise<void>
}

const sameProcess = (left: ProcessIdentity, right: ProcessIdentity): boolean =>
  left.pid === right.pid && left.startTime === right.startTime && left.bootId === right.bootId

/**
 * An engine writes its command line anew when it has started and whenever its addresses change, and on a busy machine it may lose the processor in the
 * middle of that for as long as others have it. Whoever does that does not sleep: only a process that sleeps in each look is one without the tag.
 */
const hasTag = async (identity: ProcessIdentity, tag: string): Promise<boolean> => {
  let sleeps = true
  for (let tried = 1; ; tried += 1) {
    sleeps &&= statOf(identity)?.state === 'S'
    if (containsTag(readCommandLine(identity.pid), tag)) return true
    if (statOf(identity) === null) return false
    if (tried === commandLineTries) return !sleeps
    await sleep(commandLinePauseMs)
  }
}

const check = async (identity: ProcessIdentity, tag: string): Promise<ProcessCheck> => {
  const isSame = statOf(identity) !== null
  if (isSame && (await hasTag(identity, tag))) return 'running'
  return hasEnded(readStat(identity.pid)) ? 'gone' : 'stranger'
}

const notExecuted = (launch: Launch, cause: unknown): LarderError => {
  const found = cause instanceof Error ? cause.message : String(cause)
  return new LarderError('engine-start', `could not execute ${launch.command[0]} in ${launch.cwd}: ${found}`, {
    cause,
    retry: isShortage(cause),
  })
}

const executed = (child: ChildProcess, launch: Launch): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause) => reject(notExecuted(launch, cause)))
  })

const exitOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => resolve())
  })

/** What cannot be read for want of a descriptor is not known yet. A process is never taken for gone because of that. */
const unlessShort = <T>(read: () => T, unknown: T): T => {
  try {
    return read()
  } catch (error) {
    if (isShortage(error)) return unknown
    throw error
  }
}

/** Between fork and exec a child still shows its parent's command line, and right after it none: a caller must not see that. */
const settled = async (identity: ProcessIdentity, launch: Launch): Promise<void> => {
  const deadline = performance.now() + execDeadlineMs
  const isUnderWay = (): boolean => statOf(identity) !== null && !containsTag(readCommandLine(identity.pid), launch.tag)
  while (unlessShort(isUnderWay, true) && performance.now() < deadline) await sleep(1)
}

/** What the process before has said that nobody else has written down; mostly nothing. */
const keepBefore = (logFile: string): void => {
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > 0) renameSync(logFile, `${logFile}.before`)
}

const spawnDetached = (launch: Launch): ChildProcess => {
  const [program, ...args] = launch.command
  if (program === undefined) throw new LarderError('engine-start', 'expected a program to start, found an empty command')
  const descriptors: number[] = []
  try {
    if (launch.freshLog === true) keepBefore(launch.logFile)
    const log = openSync(launch.logFile, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600)
    descriptors.push(log)
    const opened = (launch.opened ?? []).map((path) => {
      const descriptor = openSync(path, 'r')
      descriptors.push(descriptor)
      return descriptor
    })
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log, ...opened],
      cwd: launch.cwd,
      env: { ...launch.environment },
      ...(launch.name === undefined ? {} : { argv0: launch.name }),
    })
    giveFormerPriority(child.pid)
    return child
  } catch (error) {
    throw notExecuted(launch, error)
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor)
  }
}

/** Polls quickly at first, then ever less often: most waits are for a process that has just been killed. */
const pauseMs = (waitedMs: number): number => (waitedMs < 1_000 ? 2 : waitedMs < 10_000 ? 10 : 50)

const ended = async (identity: ProcessIdentity, signal: AbortSignal): Promise<void> => {
  const since = performance.now()
  while (unlessShort(() => statOf(identity) !== null, true)) {
    signal.throwIfAborted()
    await sleep(pauseMs(performance.now() - since))
  }
}

/** Settles like `promise`, or rejects with the signal's reason when that aborts first. */
const unlessAborted = async (promise: Promise<void>, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  // A child that is not referenced does not keep this process alive, but who waits for its end wants to see it.
  const awake = setInterval(() => undefined, 1_000)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    clearInterval(awake)
    signal.removeEventListener('abort', onAbort)
  }
}

type Processes = Pick<Host, 'start' | 'check' | 'findByTag' | 'sample' | 'runtime' | 'signal' | 'waitGone'>

/** The environment of a process is exactly that of its launch: nothing of Larder's own (which may hold keys) leaks into it. */
export const createProcesses = (): Processes => {
  const children = new Map<number, OwnChild>()

  const start = async (launch: Launch): Promise<ProcessIdentity> => {
    const child = spawnDetached(launch)
    const running = executed(child, launch)
    const exited = exitOf(child)
    child.unref()
    // Read before the event loop turns: until then even a process that ended at once is still there, as a zombie.
    const identity = unlessShort(() => (child.pid === undefined ? null : identify(child.pid)), null)
    await running
    // It may run: the next attempt finds it by its command line.
    if (identity === null)
      throw new LarderError('engine-start', `could not find the process of ${launch.command[0]}`, { retry: true })
    children.set(identity.pid, { identity, exited })
    void exited.then(() => {
      if (children.get(identity.pid)?.identity === identity) children.delete(identity.pid)
    })
    await settled(identity, launch)
    return identity
  }

  const waitGone = async (identity: ProcessIdentity, signal: AbortSignal): Promise<void> => {
    const child = children.get(identity.pid)
    if (child !== undefined && sameProcess(child.identity, identity)) return unlessAborted(child.exited, signal)
    return ended(identity, signal)
  }

  return {
    start,
    check,
    findByTag: async (tag) => findProcesses(tag),
    sample: async (identity) => sampleOf(identity),
    runtime: openRuntime,
    signal: async (identity, tag, name) => {
      // No turn of the event loop between the last look and the kill: the pid cannot be reused in between by a child of ours.
      if ((await check(identity, tag)) !== 'running' || statOf(identity) === null) return false
      try {
        return process.kill(identity.pid, name)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
        throw new LarderError('machine', `could not send ${name} to process ${identity.pid}`, { cause: error })
      }
    },
    waitGone,
  }
}
