/** Runs the programs with which engines are installed. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LarderError } from '../errors.ts'

const run = promisify(execFile)
/** A slow line needs minutes for an index of 10 MB; a dead one is found by the package client itself. */
const deadlineMs = 900_000

/** The line that tells what went wrong, of many: apt marks it with `E:`. */
const complaint = (said: string): string => {
  const lines = said.trim().split('\n')
  const line = lines.find((text) => text.startsWith('E: ')) ?? lines.at(-1) ?? ''
  return line.replace('E: ', '').replaceAll(/\s+/g, ' ')
}

/**
 * Standard output of a program that ends with 0. `what` begins the message of a failure: `fetching the package index`.
 * Throws `LarderError` `engine-install`.
 */
export const outputOf = async (
  program: string,
  args: readonly string[],
  what: string,
  withinMs = deadlineMs,
): Promise<string> => {
  try {
    const { stdout } = await run(program, [...args], {
      timeout: withinMs,
      maxBuffer: 64 * 1024 ** 2,
      env: { ...process.env, LC_ALL: 'C' },
    })
    return stdout
  } catch (error) {
    if (!(error instanceof Error)) throw error
    if ('code' in error && error.code === 'ENOENT') {
      throw new LarderError('engine-install', `this machine has no ${program}`, { cause: error })
    }
    const said = 'stderr' in error ? complaint(String(error.stderr)) : ''
    throw new LarderError('engine-install', `${what} failed (${said || error.message})`, { cause: error })
  }
}
