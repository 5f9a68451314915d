/** Valkey GLIDE, with its defaults. */
import { readFileSync } from 'node:fs'
import { GlideClient, GlideClusterClient } from '@valkey/valkey-glide'
import { wanted, write } from './writing.ts'

const { host, port, kind, password } = wanted
const addresses = [{ host, port }]
const secure =
  kind === 'tls'
    ? {
        useTLS: true,
        credentials: { password },
        advancedConfiguration: { tlsAdvancedConfiguration: { rootCertificates: readFileSync(wanted.ca) } },
      }
    : {}
const client = await (kind === 'cme'
  ? GlideClusterClient.createClient({ addresses })
  : GlideClient.createClient({ addresses, ...secure }))

await write((key, number) => client.hset(key, { [String(number)]: '1' }))
