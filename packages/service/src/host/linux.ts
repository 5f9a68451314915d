/** A Linux machine: processes through /proc, files on its disk, addresses of its loopback device. */
import type { Host } from '../ports/host.ts'
import { whyNotFree } from './addresses.ts'
import { files } from './files.ts'
import { createProcesses } from './processes.ts'

export const createLinuxHost = (): Host => ({
  ...createProcesses(),
  ...files,
  isFree: async (address, port) => (await whyNotFree(address, port)) === null,
})
