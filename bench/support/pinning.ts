/** One processor for the engines, one for the client, on both sides: else the scheduler is what is measured. */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

export const pin = (pids: readonly (number | null)[]): void => {
  if (availableParallelism() < 2) return
  for (const pid of pids) spawnSync('taskset', ['-acp', '0', String(pid)], { stdio: 'ignore' })
}

export const onOtherProcessor = (tool: readonly string[]): readonly string[] =>
  availableParallelism() < 2 || spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status !== 0
    ? tool
    : ['taskset', '-c', '1', ...tool]
