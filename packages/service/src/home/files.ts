import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { isOutOfRoom, LarderError } from '../errors.ts'
import { parseJson } from '../model/json.ts'

/** What fits in the room that every file of less than a page has. */
const pageBytes = 4_096

/** In one write of the kernel. Spaces behind it keep its length, and mean nothing in JSON. False: there is no such file, or it has no room for it. */
const writeOver = (path: string, content: string): boolean => {
  const present = statSync(path, { throwIfNoEntry: false })
  if (present?.isFile() !== true || present.size === 0) return false
  const bytes = Buffer.from(content.trimEnd().padEnd(present.size - 1, ' '))
  if (bytes.length + 1 > pageBytes) return false
  const file = openSync(path, 'r+')
  try {
    const all = Buffer.concat([bytes, Buffer.from('\n')])
    return writeSync(file, all, 0, all.length, 0) === all.length
  } finally {
    closeSync(file)
  }
}

/** Written whole or not at all, readable by the owner alone; where it is asked for, a full disk has it written over what is there. */
export const writePrivateFile = (path: string, content: string, otherwise?: 'over the old one on a full disk'): void => {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = openSync(temporary, 'w', 0o600)
    try {
      writeFileSync(file, content) // a single write on a disk that fills up takes a part, and says nothing
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    if (otherwise !== undefined && isOutOfRoom(error) && writeOver(path, content)) return
    throw error
  }
}

/** No file of JSON that is read here comes near this. */
const longestBytes = 16 * 1024 * 1024

/** Of the very file that is looked at: in a folder for all somebody may put another one in its place meanwhile. A pipe is not waited for. */
const readPlainFile = (path: string, expected: string): string => {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = fstatSync(file)
    if (found.isFile() && found.size <= longestBytes) return readFileSync(file, 'utf8')
    const what = found.isFile() ? `${found.size} bytes` : 'no plain file'
    throw new LarderError('store-corrupt', `expected ${expected} in ${path}, found ${what}`)
  } finally {
    closeSync(file)
  }
}

/** Null when there is no such file. Throws `store-corrupt` when it is not the JSON that `isValid` expects. */
export const readJsonFile = <T>(path: string, isValid: (value: unknown) => value is T, expected: string): T | null => {
  let text: string
  try {
    text = readPlainFile(path, expected)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  let value: unknown
  try {
    value = parseJson(text)
  } catch (error) {
    throw new LarderError('store-corrupt', `expected ${expected} in ${path}, found no JSON. It was left as it is.`, {
      cause: error,
    })
  }
  if (!isValid(value))
    throw new LarderError('store-corrupt', `expected ${expected} in ${path}, found something else. It was left as it is.`)
  return value
}

/** Throws `store-failed` where that cannot be told now: what cannot be looked at is not missing. */
export const isThere = (path: string): boolean => {
  try {
    statSync(path)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    const why = error instanceof Error ? error.message : String(error)
    throw new LarderError('store-failed', `expected to see whether there is a file ${path}, found: ${why}`, {
      cause: error,
      retry: true,
    })
  }
}

export const removeFile = (path: string): void => rmSync(path, { force: true })

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
