"""Decides in a GeoPackage as other programs do: reads what to do as JSON from standard input, writes JSON to standard output."""

import json
import os
import sqlite3
import sys
import uuid
from datetime import datetime, timezone

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# What must not be collected before the end.
OPEN = []


def message(action):
    """What an action says that fails; nothing for one that succeeds."""
    try:
        action()
    except Exception as error:
        return str(error)
    return None


def tried(run):
    """The same attempts with each program; `run` runs a statement and keeps what it did."""
    return {
        "update": message(lambda: run("UPDATE decisions SET verdict = 'legitimate'")),
        "delete": message(lambda: run("DELETE FROM decisions")),
        "replace": message(
            lambda: run("INSERT OR REPLACE INTO decisions (fid, feature, kind, verdict, person_name, person_function, person_organization)"
                        " SELECT fid, feature, 'verdict', 'legitimate', 'Eve', 'x', 'y' FROM decisions LIMIT 1")
        ),
        "replace_uuid": message(
            lambda: run("INSERT OR REPLACE INTO decisions (uuid, feature, kind, verdict, person_name, person_function, person_organization)"
                        " SELECT uuid, feature, 'verdict', 'legitimate', 'Eve', 'x', 'y' FROM decisions WHERE uuid IS NOT NULL LIMIT 1")
        ),
        "feature_update": message(lambda: run("UPDATE features SET review_heads = ''")),
        "feature_delete": message(lambda: run("DELETE FROM features")),
        "review_update": message(lambda: run("UPDATE review SET review = 'x'")),
        "list_insert": message(lambda: run("INSERT INTO reasons (code, en, fr) VALUES ('x', 'x', 'x')")),
        "nobody": message(lambda: run("INSERT INTO decisions (feature, verdict) SELECT id, 'confirmed' FROM features LIMIT 1")),
        "blank": message(
            lambda: run("INSERT INTO decisions (feature, verdict, person_name, person_function, person_organization)"
                        " SELECT id, 'confirmed', ' ', 'x', 'y' FROM features LIMIT 1")
        ),
        "maybe": message(
            lambda: run("INSERT INTO decisions (feature, verdict, person_name, person_function, person_organization)"
                        " SELECT id, 'maybe', 'Eve', 'x', 'y' FROM features LIMIT 1")
        ),
        "no_feature": message(
            lambda: run("INSERT INTO decisions (feature, verdict, person_name, person_function, person_organization)"
                        " VALUES ('none', 'confirmed', 'Eve', 'x', 'y')")
        ),
    }


def with_sqlite(path, rows):
    file = sqlite3.connect(path)
    for row in rows:
        marks = ", ".join("?" for _ in row)
        names = ", ".join(f'"{name}"' for name in row)
        file.execute(f"INSERT INTO decisions ({names}) VALUES ({marks})", list(row.values()))
    file.commit()

    def run(statement):
        try:
            file.execute(statement)
            file.commit()
        finally:
            file.rollback()

    told = tried(run)
    file.close()
    return told


def with_ogr(path, rows):
    from osgeo import gdal, ogr

    gdal.UseExceptions()
    ogr.UseExceptions()
    file = ogr.Open(path, 1)
    layer = file.GetLayerByName("decisions")
    for row in rows:
        feature = ogr.Feature(layer.GetLayerDefn())
        # GDAL does not leave out columns without a value, so that SQLite cannot fill them in.
        given = {"uuid": str(uuid.uuid4()), "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "kind": "verdict"}
        for name, value in {**given, **row}.items():
            feature.SetField(name, value)
        layer.CreateFeature(feature)
    told = tried(lambda statement: file.ExecuteSQL(statement))
    first = layer.GetNextFeature()

    def change():
        first.SetField("comment", "changed")
        layer.SetFeature(first)

    told["set_feature"] = message(change)
    told["delete_feature"] = message(lambda: layer.DeleteFeature(first.GetFID()))
    return told


def invalid(layer, feature):
    """What QGIS says against the values of a feature, by column."""
    from qgis.core import QgsVectorLayerUtils

    checked = {field.name(): QgsVectorLayerUtils.validateAttribute(layer, feature, at) for at, field in enumerate(layer.fields())}
    return {name: errors for name, (valid, errors) in checked.items() if not valid and name != "fid"}


def with_qgis(path, rows, picture):
    from qgis.core import QgsApplication, QgsProject, QgsVectorLayerUtils, QgsExpressionContext, QgsExpressionContextUtils
    from qgis.gui import QgsAttributeDialog, QgsAttributeEditorContext, QgsGui

    application = QgsApplication([], True)
    application.initQgis()
    QgsGui.editorWidgetRegistry().initEditors()
    project = QgsProject.instance()
    told = {"read": project.read(f"geopackage:{path}?projectName=review"), "title": project.title()}
    layers = {layer.name(): layer for layer in project.mapLayers().values()}
    told["layers"] = {
        name: {"valid": layer.isValid(), "read_only": getattr(layer, "readOnly", lambda: None)(), "source": layer.source()} for name, layer in layers.items()
    }
    relations = project.relationManager().relations().values()
    told["relations"] = [
        [relation.isValid(), relation.referencingLayer().name(), relation.referencedLayer().name(), relation.fieldPairs()] for relation in relations
    ]
    imagery = [layer for layer in layers.values() if layer.source().startswith("GPKG:")]
    told["imagery"] = [
        {"name": layer.name(), "valid": layer.isValid(), "crs": layer.crs().authid(), "bands": layer.bandCount()} for layer in imagery
    ]
    features, decisions = (next(layer for layer in layers.values() if f"layername={name}" in layer.source()) for name in ("features", "decisions"))
    fields = decisions.fields()
    told["lists"] = {}
    told["widgets"] = {}
    for at, field in enumerate(fields):
        setup = decisions.editorWidgetSetup(at)
        told["widgets"][field.name()] = setup.type()
        if setup.type() == "ValueMap":
            told["lists"][field.name()] = [list(pair.items())[0] for pair in setup.config()["map"]]
    told["required"] = [field.name() for at, field in enumerate(fields) if decisions.fieldConstraints(at) & 1]

    def context():
        return QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(decisions))

    decisions.startEditing()
    told["invalid"] = {}
    for row in rows:
        given = {fields.indexOf(name): value for name, value in row.items()}
        feature = QgsVectorLayerUtils.createFeature(decisions, attributes=given, context=context())
        told.setdefault("defaults", {name: feature.attribute(name) for name in ("person_name", "person_function", "time", "kind")})
        told["invalid"].update(invalid(decisions, feature))
        decisions.addFeature(feature)
    told["added"] = decisions.commitChanges()
    told["add_errors"] = decisions.commitErrors() if not told["added"] else []
    first = next(decisions.getFeatures())
    decisions.startEditing()
    decisions.changeAttributeValue(first.id(), fields.indexOf("verdict"), "legitimate")
    told["update"] = None if decisions.commitChanges() else "; ".join(decisions.commitErrors())
    decisions.rollBack()
    decisions.startEditing()
    decisions.deleteFeature(first.id())
    told["delete"] = None if decisions.commitChanges() else "; ".join(decisions.commitErrors())
    decisions.rollBack()
    told["features_editable"] = features.startEditing()
    chosen = next(feature for feature in features.getFeatures() if feature.attribute("id") == first.attribute("feature"))
    relation = next(relation for relation in relations if relation.referencingLayer() == decisions)
    told["related"] = len(list(relation.getRelatedFeatures(chosen)))
    if picture:
        dialog = QgsAttributeDialog(features, chosen, False)
        dialog.resize(760, 620)
        dialog.show()
        QgsApplication.processEvents()
        told["picture"] = dialog.grab().save(picture)
        empty = QgsVectorLayerUtils.createFeature(decisions, attributes={fields.indexOf("feature"): chosen.attribute("id")}, context=context())
        decisions.startEditing()
        form = QgsAttributeDialog(decisions, empty, False)
        form.setMode(QgsAttributeEditorContext.AddFeatureMode)
        form.resize(860, 480)
        form.show()
        QgsApplication.processEvents()
        told["picture"] = told["picture"] and form.grab().save(picture.replace(".png", "-form.png"))
        # The forms stay: QGIS without an event loop does not survive their end.
        OPEN.extend([dialog, form])
    return told


def outlines_with_ogr(path, rows):
    """Adds rows with the box of their feature, or with the geometry that they give, and tries what must fail."""
    from osgeo import gdal, ogr

    gdal.UseExceptions()
    ogr.UseExceptions()
    file = ogr.Open(path, 1)
    layer, features = file.GetLayerByName("outlines"), file.GetLayerByName("features")

    def add(row):
        made = ogr.Feature(layer.GetLayerDefn())
        given = {"uuid": str(uuid.uuid4()), "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}
        shape = row.pop("wkt", "box")
        for name, value in {**given, **row}.items():
            made.SetField(name, value)
        if shape == "box":
            features.SetAttributeFilter(f"id = '{row['feature']}'")
            # Its geometry does not outlive the feature.
            chosen = features.GetNextFeature()
            west, east, south, north = chosen.GetGeometryRef().GetEnvelope()
            shape = f"MULTIPOLYGON ((({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south})))"
        if shape is not None:
            made.SetGeometry(ogr.CreateGeometryFromWkt(shape))
        layer.CreateFeature(made)

    told = {"added": [message(lambda row=row: add(row)) for row in rows]}
    first = layer.GetNextFeature()
    if first is not None:
        told["set_feature"] = message(lambda: layer.SetFeature(first))
        told["delete_feature"] = message(lambda: layer.DeleteFeature(first.GetFID()))
    told["type"] = ogr.GeometryTypeToName(layer.GetGeomType())
    told["crs"] = [of.GetSpatialRef().GetAuthorityCode(None) for of in (layer, features)]
    return told


def outlines_with_qgis(path, rows):
    """Draws the box of a feature in the layer of outlines, as its form would be filled in."""
    from qgis.core import (
        QgsApplication, QgsExpressionContext, QgsExpressionContextUtils, QgsFeatureRequest, QgsGeometry, QgsProject, QgsVectorLayerUtils,
    )

    application = QgsApplication([], True)
    application.initQgis()
    project = QgsProject.instance()
    told = {"read": project.read(f"geopackage:{path}?projectName=review")}
    layers = project.mapLayers().values()
    features, outlines = (next(layer for layer in layers if f"layername={name}" in layer.source()) for name in ("features", "outlines"))
    told["name"], told["valid"] = outlines.name(), outlines.isValid()
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(outlines))
    fields = outlines.fields()
    told["invalid"], told["verdict"] = {}, None
    told["editing"] = outlines.startEditing()
    for row in rows:
        chosen = next(features.getFeatures(QgsFeatureRequest().setFilterExpression(f"\"id\" = '{row['feature']}'")))
        box = QgsGeometry.fromRect(chosen.geometry().boundingBox())
        given = {fields.indexOf(name): value for name, value in row.items()}
        made = QgsVectorLayerUtils.createFeature(outlines, box, given, context)
        told["verdict"] = made.attribute("verdict")
        told["invalid"].update(invalid(outlines, made))
        outlines.addFeature(made)
    told["added"] = outlines.commitChanges()
    told["add_errors"] = outlines.commitErrors() if not told["added"] else []
    return told


asked = json.load(sys.stdin)
if asked["with"] == "sqlite":
    answer = with_sqlite(asked["file"], asked["rows"])
elif asked["with"] == "ogr":
    answer = with_ogr(asked["file"], asked["rows"])
elif asked["with"] == "outlines-ogr":
    answer = outlines_with_ogr(asked["file"], asked["rows"])
elif asked["with"] == "outlines-qgis":
    answer = outlines_with_qgis(asked["file"], asked["rows"])
else:
    answer = with_qgis(asked["file"], asked["rows"], asked.get("picture"))
json.dump(answer, sys.stdout)
sys.stdout.flush()
# The end of an application without windows is not always clean in QGIS 3.22.
os._exit(0)
