import { systemClock } from '../compose/clock.ts'
import { LarderError } from '../errors.ts'
import type { Home } from '../home/home.ts'
import { authorityMend, endNotice } from '../model/authority-notice.ts'
import { openAuthority } from '../security/tls/authority.ts'

/** What is wrong, or soon will be, with the authority of a home; null: nothing. */
export const authorityNotice = (home: Home): { readonly found: string; readonly mend: string } | null => {
  try {
    const term = openAuthority(home.tlsFolder, systemClock.now).term()
    const found = term === null || term.renewable ? null : endNotice('The certificate authority', term.endsAt, systemClock.now())
    return found === null ? null : { found, mend: authorityMend }
  } catch (error) {
    if (!(error instanceof LarderError)) throw error
    return { found: error.message, mend: authorityMend }
  }
}
