import { connectionContract, enginesContract } from '../connection/connection.contract.ts'
import { connectNodeRedis } from './node-redis.ts'

connectionContract('@redis/client', connectNodeRedis, { tracking: true, saysWhy: true })
enginesContract('@redis/client', connectNodeRedis)
