import { systemClock } from '../compose/clock.ts'
import { takeHome } from '../compose/home.ts'
import { probeWith } from '../compose/probes.ts'
import { applyRecovery, planRecovery, type Recovery } from '../controllers/recovery/recover.ts'
import { LarderError } from '../errors.ts'
import { homePath, isHome, openHome } from '../home/home.ts'
import { keptFiles } from '../home/kept.ts'
import { removeService } from '../home/lock.ts'
import { readSecretsFile } from '../home/secrets.ts'
import { createLinuxHost } from '../host/linux.ts'
import { print } from './terminal.ts'

const section = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  - ${line}\n`).join('')}`

const textOf = ({ state, files }: Recovery): string =>
  [
    section('Found:', state.found),
    section('Taken:', [...state.taken, ...files.taken]),
    section('Missing:', [...state.missing, ...files.missing]),
  ].join('')

/** `larder recover [--yes]`: the plan alone, until it is told to. Exit code 0 also where there is nothing to do. */
export const recover = async ({ yes }: { readonly yes: boolean }): Promise<number> => {
  const path = homePath(process.env)
  if (!isHome(path)) throw new LarderError('usage', `expected the home of a Larder in ${path}, found none`)
  const home = openHome(path)
  const { lock } = takeHome(home, 'recover')
  try {
    const host = createLinuxHost()
    const secrets = readSecretsFile(keptFiles(home)['secrets.json'].copy) ?? readSecretsFile(home.secretsFile)
    const context = {
      home,
      host,
      clock: systemClock,
      environment: process.env,
      ask: async (...asked: Parameters<ReturnType<typeof probeWith>>) =>
        secrets === null ? null : (await probeWith(home, host, secrets)(...asked)).engine,
    }
    const recovery = await planRecovery(context)
    print(textOf(recovery))
    if (recovery.files.blocked !== null) throw new LarderError('store-lost', recovery.files.blocked)
    if (recovery.isWhole) {
      print('\nThe state is the newest that is known: there is nothing to recover. Start with: npx larder up\n')
      return 0
    }
    if (!yes) {
      print('\nNothing was written. To do it: npx larder recover --yes\n')
      return 0
    }
    const moved = await applyRecovery(context, recovery)
    print(section('\nMoved aside:', moved))
    print('\nThe state was made anew. No engine was touched; go on with: npx larder up\n')
    return 0
  } finally {
    removeService(home)
    lock.release()
  }
}
