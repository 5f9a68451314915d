import { readFileSync } from 'node:fs'

/** How many files a process of this user may open at most (the hard limit); null where it is not told. */
export const openFilesLimit = (): number | null => {
  const match = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return match === null ? null : Number(match[1])
}
