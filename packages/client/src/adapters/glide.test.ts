import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Logger } from '@valkey/valkey-glide'
import { cacheContract } from '../cache/cache.contract.ts'
import { connectionContract, enginesContract } from '../connection/connection.contract.ts'
import { isCacheError } from '../errors.ts'
import { createCache } from '../index.ts'
import { openServers } from '../testing/servers.ts'
import { connectGlide } from './glide.ts'

Logger.init('off')
connectionContract('GLIDE', connectGlide, { tracking: false, saysWhy: false })
enginesContract('GLIDE', connectGlide)
cacheContract('GLIDE', connectGlide, ['single', 'cluster'])

test('GLIDE: a near cache is refused, since nothing would tell of changes', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  await assert.rejects(
    createCache({ url: server.url, connect: connectGlide, near: { maxBytes: 100_000 } }),
    (error: unknown) => isCacheError(error, 'usage') && /GLIDE/.test(error.message),
  )
})
