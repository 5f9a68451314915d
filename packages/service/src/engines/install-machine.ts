import { LarderError } from '../errors.ts'

/** How Debian names things on this kind of processor. */
export interface Machine {
  readonly architecture: string
  /** Folder of the libraries, under `lib` and `usr/lib`. */
  readonly libraries: string
  readonly loader: string
}

const machines: Readonly<Record<string, Machine>> = {
  x64: { architecture: 'amd64', libraries: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { architecture: 'arm64', libraries: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
}

/** `architecture` as in `process.arch`. Throws `LarderError` `engine-install`. */
export const machineOf = (architecture: string): Machine => {
  const found = machines[architecture]
  if (found !== undefined) return found
  const known = Object.keys(machines).join(' or ')
  throw new LarderError('engine-install', `engines are there for ${known}, this machine is ${architecture}`)
}
