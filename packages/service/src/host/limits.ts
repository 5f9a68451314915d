import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** How many files a process of this user may open at most (the hard limit); null where it is not told, or there is none. */
export const openFilesLimit = (): number | null => {
  const match = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return match === null ? null : Number(match[1])
}

/** As many clients as AWS gives the largest node, and what an engine keeps for itself. */
export const wantedOpenFiles = 65_000 + 32

/**
 * Raises the limit of this process to what an engine needs for all of its clients; engines inherit it. Without the right to do so (CAP_SYS_RESOURCE), or
 * without `prlimit`, it stays as it is, and engines take fewer clients. Never rejects.
 */
export const raiseOpenFiles = (prlimit: readonly string[] | null, wanted = wantedOpenFiles): Promise<void> =>
  new Promise((resolve) => {
    const limit = openFilesLimit()
    const [program, ...args] = prlimit ?? []
    if (program === undefined || limit === null || limit >= wanted) {
      resolve()
      return
    }
    execFile(program, [...args, '--pid', String(process.pid), `--nofile=${wanted}:${wanted}`], { timeout: 2_000 }, () =>
      resolve(),
    )
  })
