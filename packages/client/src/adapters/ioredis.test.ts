import { cacheContract } from '../cache.contract.ts'
import { connectionContract, enginesContract } from '../connection.contract.ts'
import { connectIoredis } from './ioredis.ts'

connectionContract('ioredis', connectIoredis, { tracking: false })
enginesContract('ioredis', connectIoredis)
cacheContract('ioredis', connectIoredis, ['single', 'cluster'])
