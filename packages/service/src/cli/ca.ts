import { systemClock } from '../compose/clock.ts'
import { openAuthority } from '../security/tls/authority.ts'
import { existingHome } from './access.ts'
import { print } from './terminal.ts'

/** `larder ca`: the certificate that clients have to trust. */
export const ca = async (): Promise<number> => {
  print(openAuthority(existingHome().home.tlsFolder, systemClock.now).bundle)
  return 0
}
