/** Keys and passwords of a home, made at its first start. Sealing them is for later: the file is readable by its owner alone. */
import { randomBytes, randomInt } from 'node:crypto'
import { LarderError } from '../errors.ts'
import type { ControlSecrets } from '../ports/engine.ts'
import { isObject, readJsonFile, writePrivateFile } from './files.ts'
import type { Home } from './home.ts'

export interface Secrets extends ControlSecrets {
  /** Eight hexadecimal digits: names what this home owns outside of its folder. */
  readonly homeId: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const pick = (letters: string, count: number): string =>
  Array.from({ length: count }, () => letters[randomInt(letters.length)]).join('')

const create = (): Secrets => ({
  homeId: randomBytes(4).toString('hex'),
  accessKeyId: `AKIA${pick(base32, 16)}`,
  secretAccessKey: pick(base64, 40),
  control: randomBytes(32).toString('hex'),
  replication: randomBytes(32).toString('hex'),
})

const fields = ['homeId', 'accessKeyId', 'secretAccessKey', 'control', 'replication'] as const
const isSecrets = (value: unknown): value is Secrets =>
  isObject(value) && fields.every((field) => typeof value[field] === 'string')

export const readSecrets = (home: Home): Secrets | null =>
  readJsonFile(home.secretsFile, isSecrets, `the keys of a home (${fields.join(', ')})`)

/** Null where it is missing or damaged. */
export const readSecretsFile = (path: string): Secrets | null => {
  try {
    return readJsonFile(path, isSecrets, 'the keys of a home')
  } catch (error) {
    if (error instanceof LarderError && error.code === 'store-corrupt') return null
    throw error
  }
}

export const openSecrets = (home: Home): Secrets => {
  const present = readSecrets(home)
  if (present !== null) return present
  const made = create()
  writePrivateFile(home.secretsFile, `${JSON.stringify(made, null, 2)}\n`)
  return made
}
