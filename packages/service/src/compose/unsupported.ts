/** What the home does with settings that have no effect yet, and what its volume is. */
import { findTool } from '../engines/tools.ts'
import { LarderError } from '../errors.ts'
import type { Home } from '../home/home.ts'
import { findHomeVolume } from '../host/home-volume.ts'
import { createVolumeReader } from '../host/volume-reader.ts'
import type { HomeVolume } from '../model/without-effect.ts'

/** Throws `usage`. */
export const refusesUnsupported = (environment: NodeJS.ProcessEnv): boolean => {
  const setting = environment['LARDER_UNSUPPORTED'] || 'accept'
  if (setting === 'accept' || setting === 'refuse') return setting === 'refuse'
  throw new LarderError('usage', `expected LARDER_UNSUPPORTED to be accept or refuse, found ${setting}`)
}

export const volumeOf = (home: Home, environment: NodeJS.ProcessEnv): Promise<HomeVolume> =>
  findHomeVolume(createVolumeReader(findTool('lsattr', environment)), home.path)
