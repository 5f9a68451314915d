/** Which node a process is: engines tell nobody the path of their folder, but their command line and Larder's records name it. */
import { readCommandLine } from '../packages/service/src/host/proc.ts'

const inFolder = /\/nodes\/[^/ ]+\/([^/ ]+)/
/** Run id to node: a fact that never changes. */
const runs = new Map<string, string>()
/** Process id to the node that had it last, as Larder wrote it down. */
const recorded = new Map<number, string>()

export const recordProcess = (pid: number, node: string): void => void recorded.set(pid, node)

/** Empty where nobody knows. A process that has ended since it answered is found in the records. */
export const nodeOf = (runId: string, pid: number): string => {
  const known = runs.get(runId)
  if (known !== undefined) return known
  const node = inFolder.exec(readCommandLine(pid))?.[1] ?? recorded.get(pid) ?? ''
  if (node !== '' && runId !== '') runs.set(runId, node)
  return node
}
