import { existsSync, readdirSync } from 'node:fs'
import { systemClock } from '../compose/clock.ts'
import { type StateTrouble, whyNotNewest } from '../controllers/recovery/opening.ts'
import { fullDiskNotice } from '../host/disk-room.ts'
import { createLinuxHost } from '../host/linux.ts'
import { existingHome } from './access.ts'
import { authorityNotice } from './authority-notice.ts'
import { findReport, type Source, serviceIsAway } from './report.ts'
import { statusText } from './status-text.ts'
import { print, useColour } from './terminal.ts'

/** What stands above the tree. */
const heading = ({ url, why }: Source, isRefused: boolean): string => {
  if (why === null) return `${url}\n\n`
  const mend = why === serviceIsAway && !isRefused ? ' Start it with: npx larder up' : ''
  return `${why}; what is shown was asked of the engines themselves.${mend}\n\n`
}

const whyRefused = ({ why, isLost }: StateTrouble): string =>
  `larder up would refuse to start: ${why}\n${isLost ? 'What is shown may be of an earlier time. What can be brought back: npx larder recover\n' : ''}\n`

/** `larder status [--json]` */
export const status = async ({ json }: { readonly json: boolean }): Promise<number> => {
  const source = await findReport()
  if (json) {
    print(`${JSON.stringify(source.report, null, 2)}\n`)
    return 0
  }
  const { home } = existingHome()
  const trouble = source.url === null ? await whyNotNewest(home, createLinuxHost(), systemClock, process.env) : null
  print(heading(source, trouble !== null))
  if (trouble !== null) print(whyRefused(trouble))
  const noRoom = fullDiskNotice(home.path)
  if (noRoom !== null) print(`${noRoom}\n\n`)
  const aside = existsSync(home.asideFolder) ? readdirSync(home.asideFolder).length : 0
  if (aside > 0) print(`${aside} files or folders were moved out of the way, to ${home.asideFolder}.\n\n`)
  print(statusText(source.report, { colour: useColour(process.stdout) }))
  const notice = source.report.groups.some((group) => group.tls) ? authorityNotice(home) : null
  if (notice !== null) print(`\n${notice.found}; ${notice.mend}\n`)
  return 0
}
