import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where the compiled form of the sources is kept, for all homes of this user: beside the engines, never in a folder that others may write. */
export const compiledFolder = (environment: NodeJS.ProcessEnv): string =>
  join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'larder', 'compiled')
