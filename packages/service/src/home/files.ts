import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { LarderError } from '../errors.ts'
import { parseJson } from '../model/json.ts'

/** Written whole or not at all, readable by the owner alone. */
export const writePrivateFile = (path: string, content: string): void => {
  const temporary = `${path}.${process.pid}.tmp`
  const file = openSync(temporary, 'w', 0o600)
  try {
    writeSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
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
