import { connectionContract, enginesContract } from '../connection.contract.ts'
import { connectNodeRedis } from './node-redis.ts'

connectionContract('@redis/client', connectNodeRedis, { tracking: true })
enginesContract('@redis/client', connectNodeRedis)
