/** `larder certs rotate`: new certificates for every node that speaks TLS, without a restart. */
import { LarderError } from '../errors.ts'
import { isRegion } from '../model/zones.ts'
import { currentAccess } from './access.ts'
import { call } from './call.ts'
import { currentReport } from './report.ts'
import { print } from './terminal.ts'

export const certs = async ([what, ...rest]: readonly string[]): Promise<number> => {
  if (what !== 'rotate' || rest.length > 0) throw new LarderError('usage', 'expected: larder certs rotate')
  const access = currentAccess()
  const regions = new Set((await currentReport()).groups.map((group) => group.region).filter(isRegion))
  const groups: string[] = []
  for (const region of regions) {
    const answer = await call(access, region, 'RotateCertificates', {})
    groups.push(...[...answer.matchAll(/<Group>([^<]+)<\/Group>/g)].map((match) => match[1] ?? ''))
  }
  print(groups.length === 0 ? 'no group speaks TLS\n' : `asked for new certificates of ${groups.join(', ')}\n`)
  return 0
}
