import { existsSync, readdirSync } from 'node:fs'
import { runningService } from '../home/lock.ts'
import { existingHome } from './access.ts'
import { currentReport } from './report.ts'
import { statusText } from './status-text.ts'
import { print, useColour } from './terminal.ts'

/** `larder status [--json]` */
export const status = async ({ json }: { readonly json: boolean }): Promise<number> => {
  const report = await currentReport()
  if (json) {
    print(`${JSON.stringify(report, null, 2)}\n`)
    return 0
  }
  const { home } = existingHome()
  const service = runningService(home)
  print(
    service === null
      ? 'The service does not run; what is shown was asked of the engines themselves. Start it with: npx larder up\n\n'
      : `${service.url ?? `Process ${service.pid} (larder ${service.task ?? 'up'}) does not serve yet.`}\n\n`,
  )
  const aside = existsSync(home.asideFolder) ? readdirSync(home.asideFolder).length : 0
  if (aside > 0) print(`${aside} files or folders that no record knew were moved to ${home.asideFolder}.\n\n`)
  print(statusText(report, { colour: useColour(process.stdout) }))
  return 0
}
