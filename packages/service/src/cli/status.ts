import { existsSync, readdirSync } from 'node:fs'
import { fullDiskNotice } from '../host/disk-room.ts'
import { existingHome } from './access.ts'
import { authorityNotice } from './authority-notice.ts'
import { findReport, type Source, serviceIsAway } from './report.ts'
import { statusText } from './status-text.ts'
import { print, useColour } from './terminal.ts'

/** What stands above the tree. */
const heading = ({ url, why }: Source): string => {
  if (why === null) return `${url}\n\n`
  const mend = why === serviceIsAway ? ' Start it with: npx larder up' : ''
  return `${why}; what is shown was asked of the engines themselves.${mend}\n\n`
}

/** `larder status [--json]` */
export const status = async ({ json }: { readonly json: boolean }): Promise<number> => {
  const source = await findReport()
  if (json) {
    print(`${JSON.stringify(source.report, null, 2)}\n`)
    return 0
  }
  print(heading(source))
  const { home } = existingHome()
  const noRoom = fullDiskNotice(home.path)
  if (noRoom !== null) print(`${noRoom}\n\n`)
  const aside = existsSync(home.asideFolder) ? readdirSync(home.asideFolder).length : 0
  if (aside > 0) print(`${aside} files or folders that no record knew were moved to ${home.asideFolder}.\n\n`)
  print(statusText(source.report, { colour: useColour(process.stdout) }))
  const notice = source.report.groups.some((group) => group.tls) ? authorityNotice(home) : null
  if (notice !== null) print(`\n${notice.found}; ${notice.mend}\n`)
  return 0
}
