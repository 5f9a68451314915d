/** Signals to engines of a test's own home, and to no other process: a pid that is missing is no process group, one that ended is nobody's. */
import { openProcesses } from '../../chaos/processes.ts'

/** Throws where it is no running engine of this home: the test would else go on without the fault that it is about. */
export const signalEngine = (home: string, pid: number | null | undefined, name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void => {
  if (pid === null || pid === undefined || !openProcesses(home).signal(pid, name))
    throw new Error(`expected a running engine of ${home} to send ${name} to, found process ${pid}`)
}
