/** Other work on the same machine: busy processes, and others that change rules of nftables all the time. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { findTool } from '../../packages/service/src/engines/tools.ts'
import { raised, raisePriority } from '../../packages/service/src/host/priority.ts'

/** They end by themselves if nobody ends them. */
const longestSeconds = 1_800

export interface Load extends Disposable {
  readonly busy: number
  readonly rules: number
}

const busyScript = 'while :; do :; done'

/** As a home does it: one table, all of it written with each change; a process for each. */
const rulesScript = (nft: readonly string[], table: string): string =>
  `while :; do printf 'add table ip ${table}\\ndelete table ip ${table}\\ntable ip ${table} { chain a { ip daddr 127.251.0.1 accept; }; }\\n' | ${nft.join(' ')} -f -; done`

/** For clients that measure: who serves is to be seen, not whether they get to run. False: the system does not let them. */
export const runBeforeLoad = (): boolean => {
  if (!raisePriority()) return false
  try {
    writeFileSync('/proc/self/autogroup', String(raised))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error // the kernel does not share by session
  }
  return true
}

/** Each with a session of its own: where the kernel shares the processor by session, all of them together would have the share of one. Throws where rules are asked for and nft is not there. */
export const startLoad = ({ busy, rules }: { readonly busy: number; readonly rules: number }): Load => {
  const nft = findTool('nft', process.env)
  if (rules > 0 && nft === null) throw new Error('expected nft on this machine, found none: rules cannot be changed')
  const tables = Array.from({ length: rules }, () => `bench_${randomBytes(4).toString('hex')}`)
  const scripts = [...Array.from({ length: busy }, () => busyScript), ...tables.map((table) => rulesScript(nft ?? [], table))]
  const children: ChildProcess[] = scripts.map((script) =>
    // Of ordinary priority, whatever this process has.
    spawn('nice', ['-n', String(-getPriority()), 'timeout', String(longestSeconds), 'sh', '-c', script], {
      stdio: 'ignore',
      detached: true,
    }),
  )
  return {
    busy,
    rules,
    [Symbol.dispose]() {
      for (const child of children) child.kill('SIGTERM') // timeout passes it on
      for (const table of tables) {
        const [program = '', ...args] = nft ?? []
        spawnSync(program, [...args, 'delete', 'table', 'ip', table], { stdio: 'ignore' })
      }
    },
  }
}
