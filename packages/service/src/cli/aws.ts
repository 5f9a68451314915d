import { currentAccess } from './access.ts'
import { environmentOf } from './environment.ts'
import { runForeground } from './spawned.ts'

/** `larder aws ...` */
export const aws = (args: readonly string[]): Promise<number> => {
  const environment: NodeJS.ProcessEnv = { ...process.env, ...environmentOf(currentAccess()), AWS_PAGER: '' }
  delete environment['AWS_SESSION_TOKEN']
  delete environment['AWS_PROFILE']
  return runForeground(['aws', ...args], environment, 'install the AWS command line, for example with: pip install awscli')
}
