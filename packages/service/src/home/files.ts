import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { LarderError } from '../errors.ts'
import { parseJson } from '../model/json.ts'

/** Written whole or not at all, readable by the owner alone. */
export const writePrivateFile = (path: string, content: string): void => {
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
    throw error
  }
}

/** Null when there is no such file. Throws `store-corrupt` when it is not the JSON that `isValid` expects. */
export const readJsonFile = <T>(path: string, isValid: (value: unknown) => value is T, expected: string): T | null => {
  let text: string
  try {
    // A pipe would be waited for.
    if (!statSync(path).isFile()) throw new LarderError('store-corrupt', `expected ${expected} in ${path}, found no plain file`)
    text = readFileSync(path, 'utf8')
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

export const removeFile = (path: string): void => rmSync(path, { force: true })

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
