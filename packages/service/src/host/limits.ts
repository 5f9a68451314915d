import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** How many files a process of this user may open at most (the hard limit); null where it is not told, or there is none. */
export const openFilesLimit = (): number | null => {
  const match = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return match === null ? null : Number(match[1])
}

/** As many clients as AWS gives the largest node, and what an engine keeps for itself. */
export const wantedOpenFiles = 65_000 + 32

/** CAP_SYS_RESOURCE, see capabilities(7). */
const rightToRaise = 1n << 24n

/** Whether this process may raise its hard limits; true where the kernel does not tell. */
export const mayRaiseLimits = (status = readFileSync('/proc/self/status', 'utf8')): boolean => {
  const rights = /^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1]
  return rights === undefined || (BigInt(`0x${rights}`) & rightToRaise) !== 0n
}

/**
 * Raises the limit of this process to what an engine needs for all of its clients; engines inherit it. Without the right to do so (CAP_SYS_RESOURCE), or
 * without `prlimit`, it stays as it is, and engines take fewer clients. Never rejects. A process is started only where it can do something: each start waits
 * for it.
 */
export const raiseOpenFiles = (
  prlimit: readonly string[] | null,
  wanted = wantedOpenFiles,
  mayRaise = mayRaiseLimits(),
): Promise<void> =>
  new Promise((resolve) => {
    const limit = openFilesLimit()
    const [program, ...args] = prlimit ?? []
    if (program === undefined || limit === null || limit >= wanted || !mayRaise) {
      resolve()
      return
    }
    execFile(program, [...args, '--pid', String(process.pid), `--nofile=${wanted}:${wanted}`], { timeout: 2_000 }, () =>
      resolve(),
    )
  })
