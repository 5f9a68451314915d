/** Signals to engines of one home, and to no other process. */
import { readCommandLine, readStat } from '../packages/service/src/host/proc.ts'

export interface Processes {
  /** False where it has ended already. */
  signal(pid: number, name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): boolean
  /** Stopped ones that are still there. */
  stopped(): readonly number[]
  /** A stopped process does not end by itself when it is asked to. */
  wakeAll(): void
}

export const openProcesses = (home: string): Processes => {
  const stopped = new Set<number>()
  const isOurs = (pid: number): boolean => pid > 1 && readStat(pid) !== null && readCommandLine(pid).includes(`${home}/nodes/`)
  const signal: Processes['signal'] = (pid, name) => {
    if (!isOurs(pid)) return false
    try {
      process.kill(pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false // it has ended since the look
      throw error
    }
    if (name === 'SIGSTOP') stopped.add(pid)
    else stopped.delete(pid)
    return true
  }
  return {
    signal,
    stopped: () => [...stopped].filter((pid) => isOurs(pid) && readStat(pid)?.state === 'T'),
    wakeAll() {
      for (const pid of [...stopped]) signal(pid, 'SIGCONT')
    },
  }
}
