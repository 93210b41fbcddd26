/* A PKCS#11 module that is the one named by IMI_TOKEN_BEHIND, until the file IMI_TOKEN_FAULT says
 * otherwise: "C_Sign 0x30" makes that call answer 0x30 (CKR_DEVICE_ERROR), "flip 5" changes a bit
 * of byte 5 of every signature, "short 1" cuts a byte off, "zero 0" makes r 0, "repeat 0" answers
 * the first one again. What a test cannot do to a sound token, and what real ones have been seen to
 * do. Layout of CK_FUNCTION_LIST: PKCS#11 2.40, 5.1 and pkcs11f.h; the order is part of the
 * standard.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long Ulong;
typedef void (*Call)(void);
typedef struct {
    unsigned char version[2];
    Call calls[68];
} Functions;
enum {
    INITIALIZE = 0,
    TOKEN_INFO = 6,
    OPEN_SESSION = 12,
    LOGIN = 18,
    FIND_INIT = 26,
    SIGN_INIT = 42,
    SIGN = 43,
    GENERATE_KEY = 58
};

static Functions real, ours;
static unsigned char first[256];
static Ulong first_length;

static int fault(const char* name, Ulong* value) {
    char word[64] = "";
    FILE* file = fopen(getenv("IMI_TOKEN_FAULT"), "r");
    int found = 0;
    if (file == NULL) return 0;
    while (!found && fscanf(file, "%63s %li", word, (long*)value) == 2)
        found = strcmp(word, name) == 0;
    fclose(file);
    return found;
}

#define STAND_IN(function, index, types, names)          \
    static Ulong function types {                        \
        Ulong code = 0;                                  \
        if (fault(#function, &code)) return code;        \
        return ((Ulong(*) types)real.calls[index])names; \
    }
STAND_IN(C_Initialize, INITIALIZE, (void* a), (a))
STAND_IN(C_OpenSession, OPEN_SESSION, (Ulong s, Ulong f, void* a, void* n, Ulong* h),
         (s, f, a, n, h))
STAND_IN(C_Login, LOGIN, (Ulong h, Ulong u, unsigned char* p, Ulong l), (h, u, p, l))
STAND_IN(C_FindObjectsInit, FIND_INIT, (Ulong h, void* t, Ulong n), (h, t, n))
STAND_IN(C_SignInit, SIGN_INIT, (Ulong h, void* m, Ulong k), (h, m, k))
STAND_IN(C_GenerateKey, GENERATE_KEY, (Ulong h, void* m, void* t, Ulong n, Ulong* k),
         (h, m, t, n, k))

static Ulong C_GetTokenInfo(Ulong slot, unsigned char* info) {
    const Ulong code = ((Ulong (*)(Ulong, void*))real.calls[TOKEN_INFO])(slot, info);
    Ulong bits = 0, flags;
    if (code != 0) return code;
    memcpy(&flags, info + 96, sizeof flags); /* CK_TOKEN_INFO: 32 + 32 + 16 + 16 bytes before */
    if (fault("flags", &bits)) flags |= bits;
    if (fault("unset", &bits)) flags &= ~bits;
    memcpy(info + 96, &flags, sizeof flags);
    return 0;
}

static Ulong C_Sign(Ulong h, unsigned char* data, Ulong length, unsigned char* out, Ulong* size) {
    Ulong value = 0;
    if (fault("C_Sign", &value)) return value;
    const Ulong code =
        ((Ulong (*)(Ulong, unsigned char*, Ulong, unsigned char*, Ulong*))real.calls[SIGN])(
            h, data, length, out, size);
    if (code != 0 || out == NULL) return code;
    if (fault("flip", &value)) out[value] ^= 4;
    if (fault("short", &value)) *size -= value;
    if (fault("zero", &value)) memset(out + value, 0, 32);
    if (fault("repeat", &value)) {
        if (first_length == 0) {
            first_length = *size;
            memcpy(first, out, *size);
        }
        memcpy(out, first, first_length);
        *size = first_length;
    }
    return code;
}

__attribute__((visibility("default"))) Ulong C_GetFunctionList(Functions** list) {
    Functions* behind = NULL;
    void* library = dlopen(getenv("IMI_TOKEN_BEHIND"), RTLD_NOW | RTLD_LOCAL);
    Ulong (*get)(Functions**) = NULL;
    if (library != NULL) *(void**)&get = dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&behind) != 0) return 5; /* CKR_GENERAL_ERROR */
    ours = real = *behind;
    ours.calls[INITIALIZE] = (Call)C_Initialize;
    ours.calls[TOKEN_INFO] = (Call)C_GetTokenInfo;
    ours.calls[OPEN_SESSION] = (Call)C_OpenSession;
    ours.calls[LOGIN] = (Call)C_Login;
    ours.calls[FIND_INIT] = (Call)C_FindObjectsInit;
    ours.calls[SIGN_INIT] = (Call)C_SignInit;
    ours.calls[SIGN] = (Call)C_Sign;
    ours.calls[GENERATE_KEY] = (Call)C_GenerateKey;
    *list = &ours;
    return 0;
}
