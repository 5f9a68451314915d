/** The key with which secrets in the state are sealed: a file of its own beside the state, or from the environment. */
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { LarderError } from '../errors.ts'
import { writePrivateFile } from './files.ts'
import type { Home } from './home.ts'

const form = /^[0-9a-f]{64}$/i

const readKey = (path: string): string | null => {
  try {
    const text = readFileSync(path, 'utf8').trim()
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
    return text
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/**
 * 32 bytes: `LARDER_SEAL_KEY` (64 hexadecimal digits) where it is set, else the file of the home, which is made at the first start.
 * Throws `usage` for a variable and `store-corrupt` for a file of another form; neither is repeated in the message.
 */
export const openSealKey = (home: Pick<Home, 'sealKeyFile'>, environment: NodeJS.ProcessEnv): Uint8Array => {
  const given = environment['LARDER_SEAL_KEY']
  if (given !== undefined) {
    if (form.test(given)) return Buffer.from(given, 'hex')
    throw new LarderError(
      'usage',
      `expected LARDER_SEAL_KEY to be 64 hexadecimal digits, found ${given.length} characters of another form`,
    )
  }
  const present = readKey(home.sealKeyFile)
  if (present !== null) {
    if (form.test(present)) return Buffer.from(present, 'hex')
    throw new LarderError(
      'store-corrupt',
      `expected 64 hexadecimal digits in ${home.sealKeyFile}, found something else. It was left as it is.`,
    )
  }
  const made = randomBytes(32)
  writePrivateFile(home.sealKeyFile, `${made.toString('hex')}\n`)
  return made
}
