import { findReport, type Source } from './report.ts'
import { statusText } from './status-text.ts'
import { print, useColour } from './terminal.ts'

/** What stands above the tree. */
const heading = ({ from, url }: Source): string => {
  if (from === 'service') return `${url}\n\n`
  const why = url === null ? 'The service does not run' : `The service at ${url} does not answer`
  const mend = url === null ? ' Start it with: npx larder up' : ''
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
  print(statusText(source.report, { colour: useColour(process.stdout) }))
  return 0
}
