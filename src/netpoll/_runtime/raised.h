/* The exception that is set; see raised.pxd. */
#ifndef NETPOLL_RAISED_H
#define NETPOLL_RAISED_H

#include <Python.h>

static inline PyObject *np_take_exception(void) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

static inline int np_pass_on(void) { return -1; }

#endif
