import { runningService } from '../home/lock.ts'
import { existingHome } from './access.ts'
import { authorityNotice } from './authority-notice.ts'
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
      : `${service.url}\n\n`,
  )
  print(statusText(report, { colour: useColour(process.stdout) }))
  const notice = report.groups.some((group) => group.tls) ? authorityNotice(home) : null
  if (notice !== null) print(`\n${notice.found}; ${notice.mend}\n`)
  return 0
}
