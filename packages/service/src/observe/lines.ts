/** Lines at the end of a file for the service's user alone. The file before the present one is kept; older ones are not. */
import { appendFileSync, renameSync, statSync } from 'node:fs'

export const appendTo = (path: string, mostBytes = 64 * 1024 * 1024): ((line: string) => void) => {
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  return (line) => {
    const bytes = Buffer.byteLength(line)
    if (size > 0 && size + bytes > mostBytes) {
      renameSync(path, `${path}.1`)
      size = 0
    }
    appendFileSync(path, line, { mode: 0o600 })
    size += bytes
  }
}
