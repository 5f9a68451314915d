import { existsSync, readdirSync } from 'node:fs'
import { lost, withAdvice } from '../controllers/recovery/opening.ts'
import { LarderError } from '../errors.ts'
import { type Home, homePath, isHome, openHome } from '../home/home.ts'
import { runningService } from '../home/lock.ts'
import { readSecrets, type Secrets } from '../home/secrets.ts'

/** Where the user's environment names none. */
export const defaultRegion = 'us-east-1'

/** The settings by which AWS's own tools find this service. */
export interface Access {
  readonly url: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

/** The home of this command line, which has to be there. Throws `usage`. */
export const existingHome = (environment = process.env): { readonly home: Home; readonly secrets: Secrets } => {
  const path = homePath(environment)
  if (!isHome(path))
    throw new LarderError('usage', `expected the home of a Larder in ${path}, found none; start one with: npx larder up`)
  const home = openHome(path)
  const read = (): Secrets | null => {
    try {
      return readSecrets(home)
    } catch (error) {
      throw withAdvice(home, error)
    }
  }
  const secrets = read()
  const isUsed = existsSync(home.stateFile) || existsSync(home.keptFolder) || readdirSync(home.nodesFolder).length > 0
  if (secrets === null && isUsed) throw lost(home, `the keys of this home in ${home.secretsFile}`, 'no such file')
  if (secrets === null)
    throw new LarderError(
      'usage',
      `expected the home of a Larder in ${path}, found an empty folder; start one with: npx larder up`,
    )
  return { home, secrets }
}

/** How to reach the service of this home. Throws `usage` when it does not run. */
export const currentAccess = (): Access => {
  const { home, secrets } = existingHome()
  const service = runningService(home)
  if (service === null)
    throw new LarderError('usage', `expected the service of ${home.path} to run; start it with: npx larder up`)
  if (service.url === null)
    throw new LarderError(
      'usage',
      `expected the service of ${home.path} to serve, found process ${service.pid} (larder ${service.task ?? 'up'}), which does not yet`,
      { retry: true },
    )
  return {
    url: service.url,
    accessKeyId: secrets.accessKeyId,
    secretAccessKey: secrets.secretAccessKey,
    region: process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? defaultRegion,
  }
}
