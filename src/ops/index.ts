/**
 * The operation vocabulary shared by lifting, the IR, the interpreter and the wasm emitter.
 *
 * Names and meaning are those of the WebAssembly core specification (3.0, chapter 4 "Execution"); one
 * line per operation: name, signature, encoding. Signature letters: `i` i32, `l` i64, `f` f32, `d` f64,
 * `v` v128; result after the colon. Encodings are the bytes after which the immediates follow
 * (`fd` prefixes are followed by the LEB128 of the number given).
 */

export type Type = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** What an operation needs besides its operands. */
export type OpKind = 'pure' | 'lane' | 'load' | 'store' | 'loadLane' | 'storeLane';

export interface OpInfo {
  readonly name: string;
  readonly params: readonly Type[];
  readonly result: Type | undefined;
  /** Opcode; for SIMD and saturating operations the number behind the prefix. */
  readonly code: number;
  /** 0 (none), 0xfc or 0xfd. */
  readonly prefix: 0 | 0xfc | 0xfd;
  readonly kind: OpKind;
  /** Bytes accessed, for loads and stores; lane count, for lane operations. */
  readonly width: number;
  /** May trap on its operands alone (integer division, float-to-int truncation). */
  readonly traps: boolean;
}

const LETTER: Record<string, Type> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64', v: 'v128' };

function row(kind: OpKind, prefix: 0 | 0xfc | 0xfd) {
  return (signature: string, code: number, width = 0, traps = false): Omit<OpInfo, 'name'> => {
    const [params, result] = signature.split(':') as [string, string];
    return {
      params: [...params].map((c) => LETTER[c]),
      result: LETTER[result],
      code,
      prefix,
      kind,
      width,
      traps,
    };
  };
}

const p = row('pure', 0);
const t = (signature: string, code: number) => p(signature, code, 0, true);
const s = row('pure', 0xfc);
const v = row('pure', 0xfd);
const n = row('lane', 0xfd);
const ld = row('load', 0);
const st = row('store', 0);
const vld = row('load', 0xfd);
const vst = row('store', 0xfd);
const vll = row('loadLane', 0xfd);
const vsl = row('storeLane', 0xfd);

// biome-ignore format: a table
const TABLE = {
  'i32.load': ld('l:i', 0x28, 4), 'i64.load': ld('l:l', 0x29, 8), 'f32.load': ld('l:f', 0x2a, 4), 'f64.load': ld('l:d', 0x2b, 8),
  'i32.load8_s': ld('l:i', 0x2c, 1), 'i32.load8_u': ld('l:i', 0x2d, 1), 'i32.load16_s': ld('l:i', 0x2e, 2), 'i32.load16_u': ld('l:i', 0x2f, 2),
  'i64.load8_s': ld('l:l', 0x30, 1), 'i64.load8_u': ld('l:l', 0x31, 1), 'i64.load16_s': ld('l:l', 0x32, 2), 'i64.load16_u': ld('l:l', 0x33, 2),
  'i64.load32_s': ld('l:l', 0x34, 4), 'i64.load32_u': ld('l:l', 0x35, 4),
  'i32.store': st('li:', 0x36, 4), 'i64.store': st('ll:', 0x37, 8), 'f32.store': st('lf:', 0x38, 4), 'f64.store': st('ld:', 0x39, 8),
  'i32.store8': st('li:', 0x3a, 1), 'i32.store16': st('li:', 0x3b, 2), 'i64.store8': st('ll:', 0x3c, 1), 'i64.store16': st('ll:', 0x3d, 2), 'i64.store32': st('ll:', 0x3e, 4),

  'i32.eqz': p('i:i', 0x45), 'i32.eq': p('ii:i', 0x46), 'i32.ne': p('ii:i', 0x47), 'i32.lt_s': p('ii:i', 0x48), 'i32.lt_u': p('ii:i', 0x49),
  'i32.gt_s': p('ii:i', 0x4a), 'i32.gt_u': p('ii:i', 0x4b), 'i32.le_s': p('ii:i', 0x4c), 'i32.le_u': p('ii:i', 0x4d), 'i32.ge_s': p('ii:i', 0x4e), 'i32.ge_u': p('ii:i', 0x4f),
  'i64.eqz': p('l:i', 0x50), 'i64.eq': p('ll:i', 0x51), 'i64.ne': p('ll:i', 0x52), 'i64.lt_s': p('ll:i', 0x53), 'i64.lt_u': p('ll:i', 0x54),
  'i64.gt_s': p('ll:i', 0x55), 'i64.gt_u': p('ll:i', 0x56), 'i64.le_s': p('ll:i', 0x57), 'i64.le_u': p('ll:i', 0x58), 'i64.ge_s': p('ll:i', 0x59), 'i64.ge_u': p('ll:i', 0x5a),
  'f32.eq': p('ff:i', 0x5b), 'f32.ne': p('ff:i', 0x5c), 'f32.lt': p('ff:i', 0x5d), 'f32.gt': p('ff:i', 0x5e), 'f32.le': p('ff:i', 0x5f), 'f32.ge': p('ff:i', 0x60),
  'f64.eq': p('dd:i', 0x61), 'f64.ne': p('dd:i', 0x62), 'f64.lt': p('dd:i', 0x63), 'f64.gt': p('dd:i', 0x64), 'f64.le': p('dd:i', 0x65), 'f64.ge': p('dd:i', 0x66),

  'i32.clz': p('i:i', 0x67), 'i32.ctz': p('i:i', 0x68), 'i32.popcnt': p('i:i', 0x69), 'i32.add': p('ii:i', 0x6a), 'i32.sub': p('ii:i', 0x6b), 'i32.mul': p('ii:i', 0x6c),
  'i32.div_s': t('ii:i', 0x6d), 'i32.div_u': t('ii:i', 0x6e), 'i32.rem_s': t('ii:i', 0x6f), 'i32.rem_u': t('ii:i', 0x70),
  'i32.and': p('ii:i', 0x71), 'i32.or': p('ii:i', 0x72), 'i32.xor': p('ii:i', 0x73), 'i32.shl': p('ii:i', 0x74), 'i32.shr_s': p('ii:i', 0x75), 'i32.shr_u': p('ii:i', 0x76), 'i32.rotl': p('ii:i', 0x77), 'i32.rotr': p('ii:i', 0x78),
  'i64.clz': p('l:l', 0x79), 'i64.ctz': p('l:l', 0x7a), 'i64.popcnt': p('l:l', 0x7b), 'i64.add': p('ll:l', 0x7c), 'i64.sub': p('ll:l', 0x7d), 'i64.mul': p('ll:l', 0x7e),
  'i64.div_s': t('ll:l', 0x7f), 'i64.div_u': t('ll:l', 0x80), 'i64.rem_s': t('ll:l', 0x81), 'i64.rem_u': t('ll:l', 0x82),
  'i64.and': p('ll:l', 0x83), 'i64.or': p('ll:l', 0x84), 'i64.xor': p('ll:l', 0x85), 'i64.shl': p('ll:l', 0x86), 'i64.shr_s': p('ll:l', 0x87), 'i64.shr_u': p('ll:l', 0x88), 'i64.rotl': p('ll:l', 0x89), 'i64.rotr': p('ll:l', 0x8a),

  'f32.abs': p('f:f', 0x8b), 'f32.neg': p('f:f', 0x8c), 'f32.ceil': p('f:f', 0x8d), 'f32.floor': p('f:f', 0x8e), 'f32.trunc': p('f:f', 0x8f), 'f32.nearest': p('f:f', 0x90), 'f32.sqrt': p('f:f', 0x91),
  'f32.add': p('ff:f', 0x92), 'f32.sub': p('ff:f', 0x93), 'f32.mul': p('ff:f', 0x94), 'f32.div': p('ff:f', 0x95), 'f32.min': p('ff:f', 0x96), 'f32.max': p('ff:f', 0x97), 'f32.copysign': p('ff:f', 0x98),
  'f64.abs': p('d:d', 0x99), 'f64.neg': p('d:d', 0x9a), 'f64.ceil': p('d:d', 0x9b), 'f64.floor': p('d:d', 0x9c), 'f64.trunc': p('d:d', 0x9d), 'f64.nearest': p('d:d', 0x9e), 'f64.sqrt': p('d:d', 0x9f),
  'f64.add': p('dd:d', 0xa0), 'f64.sub': p('dd:d', 0xa1), 'f64.mul': p('dd:d', 0xa2), 'f64.div': p('dd:d', 0xa3), 'f64.min': p('dd:d', 0xa4), 'f64.max': p('dd:d', 0xa5), 'f64.copysign': p('dd:d', 0xa6),

  'i32.wrap_i64': p('l:i', 0xa7), 'i64.extend_i32_s': p('i:l', 0xac), 'i64.extend_i32_u': p('i:l', 0xad),
  'f32.convert_i32_s': p('i:f', 0xb2), 'f32.convert_i32_u': p('i:f', 0xb3), 'f32.convert_i64_s': p('l:f', 0xb4), 'f32.convert_i64_u': p('l:f', 0xb5), 'f32.demote_f64': p('d:f', 0xb6),
  'f64.convert_i32_s': p('i:d', 0xb7), 'f64.convert_i32_u': p('i:d', 0xb8), 'f64.convert_i64_s': p('l:d', 0xb9), 'f64.convert_i64_u': p('l:d', 0xba), 'f64.promote_f32': p('f:d', 0xbb),
  'i32.reinterpret_f32': p('f:i', 0xbc), 'i64.reinterpret_f64': p('d:l', 0xbd), 'f32.reinterpret_i32': p('i:f', 0xbe), 'f64.reinterpret_i64': p('l:d', 0xbf),
  'i32.extend8_s': p('i:i', 0xc0), 'i32.extend16_s': p('i:i', 0xc1), 'i64.extend8_s': p('l:l', 0xc2), 'i64.extend16_s': p('l:l', 0xc3), 'i64.extend32_s': p('l:l', 0xc4),
  'i32.trunc_sat_f32_s': s('f:i', 0), 'i32.trunc_sat_f32_u': s('f:i', 1), 'i32.trunc_sat_f64_s': s('d:i', 2), 'i32.trunc_sat_f64_u': s('d:i', 3),
  'i64.trunc_sat_f32_s': s('f:l', 4), 'i64.trunc_sat_f32_u': s('f:l', 5), 'i64.trunc_sat_f64_s': s('d:l', 6), 'i64.trunc_sat_f64_u': s('d:l', 7),

  'v128.load': vld('l:v', 0, 16), 'v128.load8x8_s': vld('l:v', 1, 8), 'v128.load8x8_u': vld('l:v', 2, 8), 'v128.load16x4_s': vld('l:v', 3, 8), 'v128.load16x4_u': vld('l:v', 4, 8), 'v128.load32x2_s': vld('l:v', 5, 8), 'v128.load32x2_u': vld('l:v', 6, 8),
  'v128.load8_splat': vld('l:v', 7, 1), 'v128.load16_splat': vld('l:v', 8, 2), 'v128.load32_splat': vld('l:v', 9, 4), 'v128.load64_splat': vld('l:v', 10, 8), 'v128.store': vst('lv:', 11, 16),
  'v128.load32_zero': vld('l:v', 92, 4), 'v128.load64_zero': vld('l:v', 93, 8),
  'v128.load8_lane': vll('lv:v', 84, 1), 'v128.load16_lane': vll('lv:v', 85, 2), 'v128.load32_lane': vll('lv:v', 86, 4), 'v128.load64_lane': vll('lv:v', 87, 8),
  'v128.store8_lane': vsl('lv:', 88, 1), 'v128.store16_lane': vsl('lv:', 89, 2), 'v128.store32_lane': vsl('lv:', 90, 4), 'v128.store64_lane': vsl('lv:', 91, 8),

  'i8x16.swizzle': v('vv:v', 14), 'i8x16.splat': v('i:v', 15), 'i16x8.splat': v('i:v', 16), 'i32x4.splat': v('i:v', 17), 'i64x2.splat': v('l:v', 18), 'f32x4.splat': v('f:v', 19), 'f64x2.splat': v('d:v', 20),
  'i8x16.extract_lane_s': n('v:i', 21, 16), 'i8x16.extract_lane_u': n('v:i', 22, 16), 'i8x16.replace_lane': n('vi:v', 23, 16), 'i16x8.extract_lane_s': n('v:i', 24, 8), 'i16x8.extract_lane_u': n('v:i', 25, 8), 'i16x8.replace_lane': n('vi:v', 26, 8),
  'i32x4.extract_lane': n('v:i', 27, 4), 'i32x4.replace_lane': n('vi:v', 28, 4), 'i64x2.extract_lane': n('v:l', 29, 2), 'i64x2.replace_lane': n('vl:v', 30, 2), 'f32x4.extract_lane': n('v:f', 31, 4), 'f32x4.replace_lane': n('vf:v', 32, 4), 'f64x2.extract_lane': n('v:d', 33, 2), 'f64x2.replace_lane': n('vd:v', 34, 2),
  'i8x16.eq': v('vv:v', 35), 'i8x16.ne': v('vv:v', 36), 'i8x16.lt_s': v('vv:v', 37), 'i8x16.lt_u': v('vv:v', 38), 'i8x16.gt_s': v('vv:v', 39), 'i8x16.gt_u': v('vv:v', 40), 'i8x16.le_s': v('vv:v', 41), 'i8x16.le_u': v('vv:v', 42), 'i8x16.ge_s': v('vv:v', 43), 'i8x16.ge_u': v('vv:v', 44),
  'i16x8.eq': v('vv:v', 45), 'i16x8.ne': v('vv:v', 46), 'i16x8.lt_s': v('vv:v', 47), 'i16x8.lt_u': v('vv:v', 48), 'i16x8.gt_s': v('vv:v', 49), 'i16x8.gt_u': v('vv:v', 50), 'i16x8.le_s': v('vv:v', 51), 'i16x8.le_u': v('vv:v', 52), 'i16x8.ge_s': v('vv:v', 53), 'i16x8.ge_u': v('vv:v', 54),
  'i32x4.eq': v('vv:v', 55), 'i32x4.ne': v('vv:v', 56), 'i32x4.lt_s': v('vv:v', 57), 'i32x4.lt_u': v('vv:v', 58), 'i32x4.gt_s': v('vv:v', 59), 'i32x4.gt_u': v('vv:v', 60), 'i32x4.le_s': v('vv:v', 61), 'i32x4.le_u': v('vv:v', 62), 'i32x4.ge_s': v('vv:v', 63), 'i32x4.ge_u': v('vv:v', 64),
  'f32x4.eq': v('vv:v', 65), 'f32x4.ne': v('vv:v', 66), 'f32x4.lt': v('vv:v', 67), 'f32x4.gt': v('vv:v', 68), 'f32x4.le': v('vv:v', 69), 'f32x4.ge': v('vv:v', 70), 'f64x2.eq': v('vv:v', 71), 'f64x2.ne': v('vv:v', 72), 'f64x2.lt': v('vv:v', 73), 'f64x2.gt': v('vv:v', 74), 'f64x2.le': v('vv:v', 75), 'f64x2.ge': v('vv:v', 76),
  'v128.not': v('v:v', 77), 'v128.and': v('vv:v', 78), 'v128.andnot': v('vv:v', 79), 'v128.or': v('vv:v', 80), 'v128.xor': v('vv:v', 81), 'v128.bitselect': v('vvv:v', 82), 'v128.any_true': v('v:i', 83),
  'f32x4.demote_f64x2_zero': v('v:v', 94), 'f64x2.promote_low_f32x4': v('v:v', 95),
  'i8x16.abs': v('v:v', 96), 'i8x16.neg': v('v:v', 97), 'i8x16.popcnt': v('v:v', 98), 'i8x16.all_true': v('v:i', 99), 'i8x16.bitmask': v('v:i', 100), 'i8x16.narrow_i16x8_s': v('vv:v', 101), 'i8x16.narrow_i16x8_u': v('vv:v', 102),
  'i8x16.shl': v('vi:v', 107), 'i8x16.shr_s': v('vi:v', 108), 'i8x16.shr_u': v('vi:v', 109), 'i8x16.add': v('vv:v', 110), 'i8x16.add_sat_s': v('vv:v', 111), 'i8x16.add_sat_u': v('vv:v', 112), 'i8x16.sub': v('vv:v', 113), 'i8x16.sub_sat_s': v('vv:v', 114), 'i8x16.sub_sat_u': v('vv:v', 115),
  'i8x16.min_s': v('vv:v', 118), 'i8x16.min_u': v('vv:v', 119), 'i8x16.max_s': v('vv:v', 120), 'i8x16.max_u': v('vv:v', 121), 'i8x16.avgr_u': v('vv:v', 123),
  'f32x4.ceil': v('v:v', 103), 'f32x4.floor': v('v:v', 104), 'f32x4.trunc': v('v:v', 105), 'f32x4.nearest': v('v:v', 106), 'f64x2.ceil': v('v:v', 116), 'f64x2.floor': v('v:v', 117), 'f64x2.trunc': v('v:v', 122), 'f64x2.nearest': v('v:v', 148),
  'i16x8.extadd_pairwise_i8x16_s': v('v:v', 124), 'i16x8.extadd_pairwise_i8x16_u': v('v:v', 125), 'i32x4.extadd_pairwise_i16x8_s': v('v:v', 126), 'i32x4.extadd_pairwise_i16x8_u': v('v:v', 127),
  'i16x8.abs': v('v:v', 128), 'i16x8.neg': v('v:v', 129), 'i16x8.q15mulr_sat_s': v('vv:v', 130), 'i16x8.all_true': v('v:i', 131), 'i16x8.bitmask': v('v:i', 132), 'i16x8.narrow_i32x4_s': v('vv:v', 133), 'i16x8.narrow_i32x4_u': v('vv:v', 134),
  'i16x8.extend_low_i8x16_s': v('v:v', 135), 'i16x8.extend_high_i8x16_s': v('v:v', 136), 'i16x8.extend_low_i8x16_u': v('v:v', 137), 'i16x8.extend_high_i8x16_u': v('v:v', 138), 'i16x8.shl': v('vi:v', 139), 'i16x8.shr_s': v('vi:v', 140), 'i16x8.shr_u': v('vi:v', 141),
  'i16x8.add': v('vv:v', 142), 'i16x8.add_sat_s': v('vv:v', 143), 'i16x8.add_sat_u': v('vv:v', 144), 'i16x8.sub': v('vv:v', 145), 'i16x8.sub_sat_s': v('vv:v', 146), 'i16x8.sub_sat_u': v('vv:v', 147), 'i16x8.mul': v('vv:v', 149), 'i16x8.min_s': v('vv:v', 150), 'i16x8.min_u': v('vv:v', 151), 'i16x8.max_s': v('vv:v', 152), 'i16x8.max_u': v('vv:v', 153), 'i16x8.avgr_u': v('vv:v', 155),
  'i16x8.extmul_low_i8x16_s': v('vv:v', 156), 'i16x8.extmul_high_i8x16_s': v('vv:v', 157), 'i16x8.extmul_low_i8x16_u': v('vv:v', 158), 'i16x8.extmul_high_i8x16_u': v('vv:v', 159),
  'i32x4.abs': v('v:v', 160), 'i32x4.neg': v('v:v', 161), 'i32x4.all_true': v('v:i', 163), 'i32x4.bitmask': v('v:i', 164), 'i32x4.extend_low_i16x8_s': v('v:v', 167), 'i32x4.extend_high_i16x8_s': v('v:v', 168), 'i32x4.extend_low_i16x8_u': v('v:v', 169), 'i32x4.extend_high_i16x8_u': v('v:v', 170),
  'i32x4.shl': v('vi:v', 171), 'i32x4.shr_s': v('vi:v', 172), 'i32x4.shr_u': v('vi:v', 173), 'i32x4.add': v('vv:v', 174), 'i32x4.sub': v('vv:v', 177), 'i32x4.mul': v('vv:v', 181), 'i32x4.min_s': v('vv:v', 182), 'i32x4.min_u': v('vv:v', 183), 'i32x4.max_s': v('vv:v', 184), 'i32x4.max_u': v('vv:v', 185), 'i32x4.dot_i16x8_s': v('vv:v', 186),
  'i32x4.extmul_low_i16x8_s': v('vv:v', 188), 'i32x4.extmul_high_i16x8_s': v('vv:v', 189), 'i32x4.extmul_low_i16x8_u': v('vv:v', 190), 'i32x4.extmul_high_i16x8_u': v('vv:v', 191),
  'i64x2.abs': v('v:v', 192), 'i64x2.neg': v('v:v', 193), 'i64x2.all_true': v('v:i', 195), 'i64x2.bitmask': v('v:i', 196), 'i64x2.extend_low_i32x4_s': v('v:v', 199), 'i64x2.extend_high_i32x4_s': v('v:v', 200), 'i64x2.extend_low_i32x4_u': v('v:v', 201), 'i64x2.extend_high_i32x4_u': v('v:v', 202),
  'i64x2.shl': v('vi:v', 203), 'i64x2.shr_s': v('vi:v', 204), 'i64x2.shr_u': v('vi:v', 205), 'i64x2.add': v('vv:v', 206), 'i64x2.sub': v('vv:v', 209), 'i64x2.mul': v('vv:v', 213), 'i64x2.eq': v('vv:v', 214), 'i64x2.ne': v('vv:v', 215), 'i64x2.lt_s': v('vv:v', 216), 'i64x2.gt_s': v('vv:v', 217), 'i64x2.le_s': v('vv:v', 218), 'i64x2.ge_s': v('vv:v', 219),
  'i64x2.extmul_low_i32x4_s': v('vv:v', 220), 'i64x2.extmul_high_i32x4_s': v('vv:v', 221), 'i64x2.extmul_low_i32x4_u': v('vv:v', 222), 'i64x2.extmul_high_i32x4_u': v('vv:v', 223),
  'f32x4.abs': v('v:v', 224), 'f32x4.neg': v('v:v', 225), 'f32x4.sqrt': v('v:v', 227), 'f32x4.add': v('vv:v', 228), 'f32x4.sub': v('vv:v', 229), 'f32x4.mul': v('vv:v', 230), 'f32x4.div': v('vv:v', 231), 'f32x4.min': v('vv:v', 232), 'f32x4.max': v('vv:v', 233), 'f32x4.pmin': v('vv:v', 234), 'f32x4.pmax': v('vv:v', 235),
  'f64x2.abs': v('v:v', 236), 'f64x2.neg': v('v:v', 237), 'f64x2.sqrt': v('v:v', 239), 'f64x2.add': v('vv:v', 240), 'f64x2.sub': v('vv:v', 241), 'f64x2.mul': v('vv:v', 242), 'f64x2.div': v('vv:v', 243), 'f64x2.min': v('vv:v', 244), 'f64x2.max': v('vv:v', 245), 'f64x2.pmin': v('vv:v', 246), 'f64x2.pmax': v('vv:v', 247),
  'i32x4.trunc_sat_f32x4_s': v('v:v', 248), 'i32x4.trunc_sat_f32x4_u': v('v:v', 249), 'f32x4.convert_i32x4_s': v('v:v', 250), 'f32x4.convert_i32x4_u': v('v:v', 251), 'i32x4.trunc_sat_f64x2_s_zero': v('v:v', 252), 'i32x4.trunc_sat_f64x2_u_zero': v('v:v', 253), 'f64x2.convert_low_i32x4_s': v('v:v', 254), 'f64x2.convert_low_i32x4_u': v('v:v', 255),
} as const satisfies Record<string, Omit<OpInfo, 'name'>>;

export type Op = keyof typeof TABLE;
type Names<K extends string> = Extract<Op, K>;
/** Loads take an i64 address; `…_lane` forms also the vector. */
export type LoadOp = Names<`${string}.load${string}`>;
export type StoreOp = Names<`${string}.store${string}`>;

export const OPS: Readonly<Record<Op, OpInfo>> = Object.freeze(Object.fromEntries(Object.entries(TABLE).map(([name, info]) => [name, Object.freeze({ name, ...info })]))) as Readonly<Record<Op, OpInfo>>;
